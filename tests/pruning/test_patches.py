"""Rows times the kernel are the layer's output, wherever it is looked at."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.pruning.patches import sampled_patches
from tfdcu.pruning.patches import sampled_positions
from tfdcu.pruning.patches import sampled_values


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "strides", "dilation"),
    [
        (1, 1, 1),
        (3, 1, 1),
        (3, 2, 1),
        ((5, 2), 1, 1),
        (3, 1, 2),
        (2, (1, 3), 1),
    ],
)
def test_rows_times_the_kernel_are_the_convolution(
    padding, size, strides, dilation
):
    keras.utils.set_random_seed(0)
    images = keras.ops.convert_to_tensor(tiny.images(3, 9, 2))
    op = layers.Conv2D(
        4, size, strides, padding, dilation_rate=dilation, use_bias=False
    )
    output = op(images)
    places = sampled_positions(output.shape[1:-1], 7, np.random.default_rng(0))
    kernel = op.kernel.numpy().reshape(-1, 4)
    np.testing.assert_allclose(
        sampled_patches(op, images, places) @ kernel,
        sampled_values(output, places),
        atol=1e-5,
    )


@pytest.mark.parametrize("shape", [(5, 6), (5, 3, 6)])
def test_rows_times_the_kernel_are_the_dense_layer(shape):
    x = keras.ops.convert_to_tensor(np.ones(shape, "float32").cumsum(-1))
    op = layers.Dense(4, use_bias=False)
    output = op(x)
    places = sampled_positions(shape[1:-1], 2, np.random.default_rng(0))
    np.testing.assert_allclose(
        sampled_patches(op, x, places) @ op.kernel.numpy(),
        sampled_values(output, places),
        rtol=1e-5,
    )


def test_places_are_distinct_sorted_and_all_where_there_are_few():
    generator = np.random.default_rng(0)
    few = sampled_positions((4, 5), 7, generator)
    assert len(few) == 7 and (np.diff(few) > 0).all() and few.max() < 20
    np.testing.assert_array_equal(
        sampled_positions((2, 3), 99, generator), np.arange(6)
    )
    np.testing.assert_array_equal(sampled_positions((), 9, generator), [0])
