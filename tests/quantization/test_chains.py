"""Laws of which range a layer's outputs have: nothing is clipped."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.quantization import quantize_aware
from tfdcu.quantization.chains import fixed_range

IMAGES = tiny.images(64, channels=3, seed=3)
SIGMOID = (0.0, 255 / 256)


class Gate(layers.Layer):
    """Its activation is not the last thing that it computes."""

    def __init__(self, activation="sigmoid", **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs):
        return 5 * inputs * self.activation(inputs)


class Largest(layers.MaxPooling2D):
    def call(self, inputs):
        return 5 * super().call(inputs)


class Larger(layers.UpSampling2D):
    def call(self, inputs):
        return 5 * super().call(inputs)


@pytest.mark.parametrize("kind", [Gate, Largest, Larger])
def test_layers_of_the_user_have_the_range_that_was_measured(kind):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    x = layers.Flatten()(kind(name="own")(x))
    model = keras.Model(inputs, layers.Dense(4)(x))
    quantized = quantize_aware(model, images=IMAGES)
    assert quantized.get_layer("own_range").high > 1
    tiny.assert_same_function(model, quantized, IMAGES, rtol=0.05)


def test_the_state_of_a_recurrent_layer_has_it_too():
    inputs = keras.Input((12, 3))
    ones = {"bias_initializer": "ones", "unit_forget_bias": False}
    lstm = layers.LSTM(8, return_state=True, unroll=True, **ones)
    _, _, cell = lstm(inputs)
    model = keras.Model(inputs, layers.Dense(4)(cell))
    values = np.random.default_rng(0).uniform(size=(64, 12, 3))
    quantized = quantize_aware(model, images=values.astype("float32"))
    tiny.assert_same_function(model, quantized, values, rtol=0.05)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Activation("sigmoid"), SIGMOID),
        (layers.Conv2D(4, 3, activation="sigmoid"), SIGMOID),
        (layers.Softmax(), SIGMOID),
        (layers.Dense(4, "tanh"), (-1.0, 127 / 128)),
        (layers.Dense(4, "relu"), None),
        (layers.GRU(4), None),
        (Gate(), None),
    ],
)
def test_layers_that_end_in_their_activation_have_that_of_litert(
    layer, expected
):
    assert fixed_range(layer) == expected
