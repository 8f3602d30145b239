"""Laws of the layers with fake quantization: on the grid, zeros stay."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.quantization.layers import FakeQuantize
from tfdcu.quantization.layers import QuantizedConv2D
from tfdcu.quantization.layers import QuantizedDense
from tfdcu.quantization.layers import QuantizedDepthwiseConv2D

LAYERS = [
    lambda bits: QuantizedConv2D(5, 3, weight_bits=bits),
    lambda bits: QuantizedDepthwiseConv2D(
        3, depth_multiplier=2, weight_bits=bits
    ),
    lambda bits: QuantizedDense(5, weight_bits=bits),
]


def test_a_tensor_has_256_values_and_zero_is_one():
    values = np.linspace(-2, 2, 10_001, dtype="float32")
    received = FakeQuantize(-0.3, 1.0)(values).numpy()
    assert len(np.unique(received)) == 256
    assert 0 in received
    assert received.min() >= -0.31 and received.max() <= 1.01
    inside = (values > -0.29) & (values < 0.99)
    assert np.abs(received - values)[inside].max() <= 0.501 * 1.3 / 255


def test_the_activation_comes_first():
    received = FakeQuantize(0.0, 2.55, "relu")(np.array([-1.0, 1.004]))
    np.testing.assert_allclose(received, [0, 1.0], atol=1e-6)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("make", LAYERS)
def test_each_channel_has_its_own_grid_symmetric_about_zero(make, bits):
    layer = make(bits)
    layer.build((None, 8, 8, 3))
    layer.fit_ranges()
    kernel = (
        layer.quantized_kernel().numpy().reshape(-1, layer.maximum.shape[0])
    )
    steps = kernel / layer.maximum.numpy() * (2 ** (bits - 1) - 1)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert 0 < np.abs(steps).max() < 2 ** (bits - 1)
    error = layer.kernel.numpy().reshape(kernel.shape) - kernel
    assert np.abs(error).max() < 0.5 * np.abs(kernel).max()


@pytest.mark.parametrize("make", LAYERS)
def test_a_layer_computes_with_the_rounded_kernel_and_bias(make):
    images = tiny.images(2, channels=3)
    layer = make(4)
    layer.input_step = 1 / 255
    layer.build(images.shape)
    layer.bias.assign(np.linspace(-1, 1, layer.bias.shape[0]))
    layer.fit_ranges()
    plain = (
        type(layer)
        .__mro__[2]
        .from_config(
            {
                key: value
                for key, value in layer.get_config().items()
                if key not in ("weight_bits", "input_step")
            }
        )
    )
    plain.build(images.shape)
    kernel = layer.quantized_kernel().numpy()
    step = layer.maximum.numpy() / 7 / 255
    plain.kernel.assign(kernel.reshape(plain.kernel.shape))
    plain.bias.assign(np.round(layer.bias.numpy() / step) * step)
    np.testing.assert_allclose(layer(images), plain(images), atol=1e-5)


def test_zeros_stay_and_other_weights_train():
    layer = QuantizedDense(4, weight_bits=4)
    model = keras.Sequential([keras.Input((6,)), layer])
    kernel = layer.kernel.numpy()
    kernel[::2] = 0
    layer.kernel.assign(kernel)
    layer.fit_ranges()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(64, 6)), generator.normal(size=(64, 4))
    model.fit(x, y, epochs=3, verbose=0)
    after = layer.kernel.numpy()
    assert not after[::2].any()
    # But for those beyond the ends of their ranges.
    assert np.mean(after[1::2] != kernel[1::2]) > 0.5


def test_gradients_pass_within_the_range_only():
    layer = QuantizedDense(1, use_bias=True)
    layer.build((None, 2))
    layer.kernel.assign([[0.5], [2.0]])
    with tf.GradientTape() as tape:
        result = layer(np.array([[3.0, 5.0]]))
    gradient = tape.gradient(result, layer.kernel.value)
    # The range ends at 1.
    np.testing.assert_allclose(gradient, [[3.0], [0.0]])
