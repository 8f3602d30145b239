import keras
import pytest
import tensorflow as tf
from keras import layers

from tests.models.test_load import Scaled
from tfdcu.graph.clone import check_clone
from tfdcu.pruning import prune_channels


class Closed(Scaled):
    """TensorFlow's function keeps the layer closed to pruning."""

    def call(self, inputs):
        return self.scale * tf.nn.local_response_normalization(inputs)


def test_a_layer_without_kwargs_is_named_before_work():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3)(inputs)
    x = layers.Conv2D(8, 3)(Closed(2.0)(x))
    outputs = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    with pytest.raises(ValueError, match="Closed layer 'closed'.*unexpected"):
        prune_channels(keras.Model(inputs, outputs), macs=0.7)
    check_clone(layers.Lambda(lambda x: x))
