"""Laws of rounding with errors made up for: by hand, and never at a loss."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.graph.graph import read_graph
from tfdcu.graph.patches import patches_at
from tfdcu.quantization import calibration
from tfdcu.quantization import gptq
from tfdcu.quantization.calibration import Inputs
from tfdcu.quantization.calibration import calibrate
from tfdcu.quantization.gptq import move_kernel
from tfdcu.quantization.kernel_ranges import rounded
from tfdcu.quantization.layers import QuantizedConv2D
from tfdcu.quantization.layers import QuantizedDense
from tfdcu.quantization.layers import QuantizedDepthwiseConv2D

ONE = np.ones((1, 1))


def correlated(groups, weights, rows=400, seed=0):
    """Rows (groups, rows, weights) that a third as many factors explain."""
    draw = np.random.default_rng(seed)
    factors = draw.normal(size=(groups, rows, -(-weights // 3)))
    mix = draw.normal(size=(groups, factors.shape[-1], weights))
    return factors @ mix + 0.1 * draw.normal(size=(groups, rows, weights))


def covariance_of(rows):
    centered = rows - rows.mean(axis=1, keepdims=True)
    return centered.swapaxes(1, 2) @ centered / rows.shape[1]


def round_kernel(kernel, covariance, step, levels):
    moved = move_kernel(kernel, covariance, step, levels)
    assert (np.abs(moved) <= levels * step[:, None]).all()
    return np.round(moved / step[:, None]) * step[:, None]


def test_values_by_hand():
    kernel = np.array([[[0.4], [0.4]]])
    # Both inputs are the same: the second weight takes what the first lost.
    same = np.array([[[1.0, 0.999], [0.999, 1.0]]])
    np.testing.assert_array_equal(
        round_kernel(kernel, same, ONE, 7), [[[0.0], [1.0]]]
    )
    # The larger input is rounded first.
    last = np.array([[[1.0, 1.09], [1.09, 1.21]]])
    np.testing.assert_array_equal(
        round_kernel(kernel, last, ONE, 7), [[[1.0], [0.0]]]
    )


def test_without_correlation_each_weight_is_rounded_alone():
    kernel = 3 * np.random.default_rng(0).normal(size=(2, 9, 4))
    alone = np.tile(np.diag(np.arange(1.0, 10.0)), (2, 1, 1))
    expected = np.clip(np.round(kernel), -7, 7)
    received = round_kernel(kernel, alone, np.ones((2, 4)), 7)
    np.testing.assert_allclose(received, expected)


@pytest.mark.parametrize(("groups", "weights"), [(1, 40), (6, 9)])
def test_outputs_err_less_than_with_weights_rounded_alone(groups, weights):
    kernel = np.random.default_rng(1).normal(size=(groups, weights, 5))
    step = np.abs(kernel).max(axis=1) / 7
    covariance = covariance_of(correlated(groups, weights))

    def error(received):
        lost = received - kernel
        return np.einsum("gwf,gwv,gvf->g", lost, covariance, lost)

    alone = np.clip(np.round(kernel / step[:, None]), -7, 7) * step[:, None]
    received = round_kernel(kernel, covariance, step, 7)
    assert (error(received) < 0.6 * error(alone)).all()


def test_blocks_change_nothing(monkeypatch):
    kernel = np.random.default_rng(1).normal(size=(2, 40, 5))
    covariance = covariance_of(correlated(2, 40))
    step = np.full((2, 5), 0.3)
    expected = move_kernel(kernel, covariance, step, 7)
    monkeypatch.setattr(gptq, "_BLOCK", 7)
    received = move_kernel(kernel, covariance, step, 7)
    np.testing.assert_allclose(received, expected, atol=1e-9)


def test_what_rounding_made_indefinite_is_held_more():
    kernel = np.random.default_rng(1).normal(size=(1, 2, 3))
    covariance = np.array([[[1.0, 1.1], [1.1, 1.0]]])
    step = np.full((1, 3), 0.3)
    assert np.isfinite(move_kernel(kernel, covariance, step, 7)).all()


def test_zeros_stay_zero():
    kernel = np.random.default_rng(1).normal(size=(1, 40, 5))
    kernel[:, ::3] = 0
    covariance = covariance_of(correlated(1, 40))
    received = round_kernel(kernel, covariance, np.full((1, 5), 0.3), 7)
    assert not received[:, ::3].any() and received.any()


LAYERS = [
    (layers.Conv2D(6, 3, groups=2), QuantizedConv2D),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), QuantizedDepthwiseConv2D),
    (layers.Dense(5), QuantizedDense),
]


@pytest.mark.parametrize(("layer", "kind"), LAYERS)
def test_the_bias_takes_up_the_mean(layer, kind):
    # Channels and neighbors that go together.
    images = tiny.images(40, size=4).repeat(2, 1).repeat(2, 2)
    images = images + 0.1 * tiny.images(40, channels=12)
    layer.build(images.shape)
    new = kind.from_config(layer.get_config() | {"weight_bits": 4})
    new.build(images.shape)
    new.kernel.assign(layer.kernel)
    new.fit_ranges()
    inputs = keras.Input(images.shape[1:])
    graph = read_graph(keras.Model(inputs, layer(inputs)))
    found = calibrate(graph, images, 40).inputs[id(layer)]
    alone = rounded(
        layer.kernel.numpy().reshape(-1, new.maximum.shape[0]),
        new.maximum.numpy(),
        4,
    )
    new.fit_rounding(found)
    axes = tuple(range(len(layer(images).shape) - 1))
    expected = np.mean(layer(images), axes)
    np.testing.assert_allclose(np.mean(new(images), axes), expected, atol=1e-5)
    error = np.var(np.subtract(new(images), layer(images)), axes).sum()
    new.kernel.assign(alone.reshape(layer.kernel.shape))
    assert error < np.var(np.subtract(new(images), layer(images)), axes).sum()


def test_inputs_are_those_of_the_kernel_in_all_calls():
    images = tiny.images(40, channels=4)
    layer = layers.Conv2D(4, 3, padding="same")
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, layer(layer(inputs)))
    found = calibrate(read_graph(model), images, 40).inputs[id(layer)]
    places = np.arange(64)
    rows = [patches_at(layer, x, places)[0] for x in (images, layer(images))]
    rows = np.concatenate(rows)[None].astype("float64")
    assert found.count == rows.shape[1] == 2 * 40 * 64
    np.testing.assert_allclose(found.mean(), rows.mean(1), atol=1e-5)
    # A little is added to what rounding may have taken.
    expected = covariance_of(rows)
    np.testing.assert_allclose(found.covariance(), expected, atol=1e-4)


def test_inputs_that_do_not_vary_have_positive_eigenvalues():
    rows = np.full((1, 50, 8), 1234.5, "float32")
    products = rows.swapaxes(1, 2) @ rows * np.float32(1 - 1e-7)
    covariance = Inputs(
        np.zeros((1, 8), "float32"), products, rows.sum(1), 50
    ).covariance()
    assert np.linalg.eigvalsh(covariance).min() > 0
    kernel = np.random.default_rng(0).normal(size=(1, 8, 2))
    step = np.full((1, 2), 0.3)
    assert np.isfinite(round_kernel(kernel, covariance, step, 7)).all()


def test_inputs_about_a_large_mean_keep_what_varies():
    images = 1e4 + tiny.images(40, channels=4)
    layer = layers.Dense(3)
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    found = calibrate(read_graph(model), images, 40).inputs[id(layer)]
    expected = covariance_of(images.reshape(1, -1, 4).astype("float64"))
    np.testing.assert_allclose(found.covariance(), expected, atol=1e-4)


def test_large_kernels_are_left_out(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_WEIGHTS", 10)
    net = tiny.plain_net()
    found = calibrate(read_graph(net), tiny.images(8), 8).inputs
    assert set(found) == {id(net.get_layer("conv1"))}
