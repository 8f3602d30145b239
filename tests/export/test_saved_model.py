"""The converted model equals the given one, in float32."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.export.saved_model import check_model
from tfdcu.graph.float32 import as_float32


@pytest.fixture
def restore_policy():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def awkward_net(images):
    """Adapted Normalization, a nested model, separable convolution."""
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
        ]
    )
    inputs = keras.Input((8, 8, 3))
    normalization = layers.Normalization()
    normalization.adapt(3 * images + 2)
    x = inner(layers.Conv2D(4, 1)(normalization(inputs)))
    x = layers.SeparableConv2D(4, 3)(keras.ops.relu(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_rounds_no_weight(policy, restore_policy, images):
    model = awkward_net(images)
    expected = np.asarray(model(images, training=False))
    keras.config.set_dtype_policy(policy)
    mixed = awkward_net(images)
    mixed.set_weights(model.get_weights())
    rounded = np.asarray(mixed(images, training=False)).astype("float32")
    assert np.abs(rounded - expected).max() > 1e-4
    received = as_float32(mixed)(images, training=False)
    np.testing.assert_allclose(np.asarray(received), expected, atol=1e-6)


def test_float32_models_are_returned(model):
    assert as_float32(model) is model


def test_the_shape_of_an_input(model):
    assert check_model(model) == (8, 8, 3)


@pytest.mark.parametrize("model", [None, "model.keras", keras.Sequential()])
def test_models_that_are_not_built(model):
    with pytest.raises(ValueError, match="cannot be exported"):
        check_model(model)


@pytest.mark.parametrize(
    "shapes", [[()], [(None, 8, 3)], [(8, 8, 3), (8, 8, 3)]]
)
def test_invalid_inputs(shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    flat = [keras.ops.mean(x, axis=range(1, x.ndim)) for x in inputs]
    output = layers.Dense(4)(keras.ops.stack(flat, axis=-1))
    with pytest.raises(ValueError, match="Invalid input"):
        check_model(keras.Model(inputs, output))


def test_outputs_that_cannot_be_told_apart(model):
    with pytest.raises(ValueError, match="Invalid outputs.*layer of its own"):
        check_model(keras.Model(model.input, [model.output] * 2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value):
    model = tiny.plain_net()
    kernel = model.get_layer("conv2").kernel
    values = kernel.numpy()
    values[0, 0, 0, 0] = value
    kernel.assign(values)
    with pytest.raises(ValueError, match="'conv2/kernel'"):
        check_model(model)
