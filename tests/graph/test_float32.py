"""Laws of models in float32: no weight is rounded, nothing else is left."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.graph.float32 import as_float32
from tfdcu.graph.float32 import float32_config
from tfdcu.graph.float32 import float32_policy
from tfdcu.graph.keras_private import all_layers


@pytest.fixture(autouse=True)
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


class Block(layers.Layer):
    """A layer of the user, with one inside that follows the global policy."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(4)

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, inputs):
        return self.inner(inputs)


def awkward_net(images):
    normalization = layers.Normalization()
    normalization.adapt(3 * images + 2)
    inputs = keras.Input(images.shape[1:])
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), layers.Conv2D(4, 3), Block()]
    )
    x = inner(layers.Conv2D(4, 1)(normalization(inputs)))
    x = layers.TimeDistributed(layers.Dense(4))(keras.ops.relu(x))
    x = layers.Lambda(lambda value: 2 * value)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.mark.parametrize(
    "policy", ["mixed_bfloat16", "mixed_float16", "float16"]
)
@pytest.mark.parametrize("still", [True, False])
def test_models_of_any_policy_become_float32(policy, still):
    images = tiny.images(16, channels=3)
    keras.config.set_dtype_policy(policy)
    model = awkward_net(images)
    before = [v.numpy().astype("float32") for v in model.weights]
    if not still:
        keras.config.set_dtype_policy("float32")
    received = as_float32(model)
    now = policy if still else "float32"
    assert keras.config.dtype_policy().name == now
    for old, new in zip(before, received.weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    kinds = {
        layer.compute_dtype
        for layer in all_layers(received)
        if not isinstance(layer, keras.Model)
    }
    assert kinds == {"float32"}
    keras.config.set_dtype_policy("float32")
    plain = awkward_net(images)
    plain.set_weights(before)
    tiny.assert_same_function(plain, received, images, rtol=0.01)


def test_float32_models_are_returned():
    model = tiny.plain_net()
    keras.config.set_dtype_policy("mixed_float16")
    assert as_float32(model) is model


def test_the_policy_is_restored_after_an_error():
    keras.config.set_dtype_policy("mixed_float16")
    with pytest.raises(RuntimeError), float32_policy():
        assert layers.Dense(1).compute_dtype == "float32"
        raise RuntimeError
    assert keras.config.dtype_policy().name == "mixed_float16"


def test_policies_of_integers_stay():
    config = layers.Discretization(num_bins=3, dtype="int64").get_config()
    assert float32_config(config) == config
