"""Rows times the kernel are the layer's output, wherever it is looked at."""

import keras
import numpy as np
import pytest
from keras import layers

from tfdcu.graph.kernels import has_kernel
from tfdcu.graph.kernels import kernel_of
from tfdcu.graph.kernels import num_unknowns
from tfdcu.graph.kernels import outputs_at
from tfdcu.graph.kernels import set_kernel
from tfdcu.graph.patches import draw_places
from tfdcu.graph.patches import patches_at
from tfdcu.graph.patches import values_at

IMAGE, LINE = (3, 9, 8, 4), (3, 9, 4)


def check(op, shape):
    """Patches times kernel are the output; a kernel set is the one read."""
    generator = np.random.default_rng(0)
    x = keras.ops.convert_to_tensor(generator.normal(size=shape), "float32")
    op.build(shape)
    for variable in op.weights:
        variable.assign(generator.normal(size=variable.shape))
    output = op(x)
    places = draw_places(output.shape[1:-1], 7, generator)
    expected = values_at(output, places)
    np.testing.assert_allclose(outputs_at(op, x, places), expected, atol=1e-4)
    assert patches_at(op, x, places).shape[-1] == num_unknowns(op)
    set_kernel(op, kernel_of(op))
    np.testing.assert_array_equal(op(x), output)
    assert has_kernel(op)


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
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution(padding, size, strides, dilation, groups):
    options = {"dilation_rate": dilation, "groups": groups}
    check(layers.Conv2D(6, size, strides, padding, **options), IMAGE)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "strides", "dilation"), [(3, 1, 1), (3, 2, 1), (2, 1, 2)]
)
def test_other_convolutions(padding, size, strides, dilation):
    where = (size, strides, padding)
    spread = {"dilation_rate": dilation}
    many = {**spread, "depth_multiplier": 2}
    check(layers.DepthwiseConv2D(*where, **many), IMAGE)
    check(layers.SeparableConv2D(6, *where, **many), IMAGE)
    check(layers.Conv2DTranspose(6, *where, **spread), IMAGE)
    check(layers.Conv1D(6, *where, **spread), LINE)
    check(layers.DepthwiseConv1D(*where, **spread), LINE)
    check(layers.SeparableConv1D(6, *where, **spread), LINE)
    check(layers.Conv1DTranspose(6, *where, **spread), LINE)
    check(layers.Conv3D(6, *where, **spread), (2, 5, 4, 6, 3))


@pytest.mark.parametrize("strides", [1, 2])
def test_a_causal_convolution(strides):
    check(layers.Conv1D(6, 3, strides, "causal"), LINE)


def test_a_transposed_convolution_with_gaps():
    check(layers.Conv2DTranspose(6, 2, 3, "same"), IMAGE)
    check(layers.Conv2DTranspose(6, 2, 3, "valid"), IMAGE)


@pytest.mark.parametrize("shape", [(5, 6), (5, 3, 6)])
def test_a_dense_layer(shape):
    check(layers.Dense(4), shape)


def test_what_computes_something_else_has_no_kernel():
    class Own(layers.Dense):
        pass

    first = layers.Conv2D(4, 3, data_format="channels_first")
    assert not any(map(has_kernel, (Own(4), first, layers.ReLU())))


def test_places_are_distinct_sorted_and_all_where_there_are_few():
    generator = np.random.default_rng(0)
    few = draw_places((4, 5), 7, generator)
    assert len(few) == 7 and (np.diff(few) > 0).all() and few.max() < 20
    np.testing.assert_array_equal(
        draw_places((2, 3), 99, generator), np.arange(6)
    )
    np.testing.assert_array_equal(draw_places((), 9, generator), [0])
