"""What a layer multiplies with its kernel, as rows of numbers."""

import numpy as np
import tensorflow as tf
from keras import layers

TRANSPOSED = layers.Conv1DTranspose, layers.Conv2DTranspose
SEPARABLE = layers.SeparableConv1D, layers.SeparableConv2D


def draw_places(sizes, num, generator):
    """Draws places of a feature map, without repetition.

    Args:
        sizes: Sizes of the axes between batch and channels; () for vectors.
        num: How many; all where there are fewer.
        generator: A NumPy generator.

    Returns:
        Sorted int array of places, counted along the flattened axes.
    """
    total = int(np.prod(sizes, dtype=int))
    if num >= total:
        return np.arange(total)
    return np.sort(generator.choice(total, num, replace=False))


def values_at(features, places):
    """The channels of each image at these places.

    Args:
        features: Tensor (images, ..., channels).
        places: From `draw_places`.

    Returns:
        Float32 tensor (images * places, channels).
    """
    features = tf.cast(features, tf.float32)
    channels = features.shape[-1]
    flat = tf.reshape(features, (len(features), -1, channels))
    if len(places) < flat.shape[1]:
        flat = tf.gather(flat, places, axis=1)
    return tf.reshape(flat, (-1, channels))


def patches_at(op, features, places):
    """What a layer multiplies with its kernel to get its output there.

    Args:
        op: A `Dense`, or a convolution that `tfdcu.graph.kernels` knows,
            channels last.
        features: Tensor (images, ..., channels), its input.
        places: Places of its output, from `draw_places`.

    Returns:
        Float32 tensor (groups, images * places, unknowns): times
        `kernel_of(op)` it is the layer's output without the bias, group by
        group.
    """
    if isinstance(op, layers.Dense):
        return values_at(features, places)[None]
    features = tf.cast(features, tf.float32)
    windows = _windows(op, features.shape)
    if isinstance(op, TRANSPOSED):
        features = _spread(features, op.strides)
    index, inside = _index(windows, features.shape[1:-1], places)
    flat = tf.reshape(features, (len(features), -1, features.shape[-1]))
    if index.size < flat.shape[1] or index.shape[1] > 1:
        flat = tf.gather(flat, index.ravel(), axis=1)
    if not inside.all():
        flat = tf.where(inside.reshape(-1, 1), flat, 0.0)
    if isinstance(op, SEPARABLE):
        return _depthwise_values(op, flat, index.shape)[None]
    return _in_groups(flat, index.shape, num_groups(op, features.shape[-1]))


def num_groups(op, channels):
    """How many groups of input channels a layer keeps apart."""
    if isinstance(op, (layers.DepthwiseConv1D, layers.DepthwiseConv2D)):
        return channels
    return getattr(op, "groups", 1)


class _Window:
    """Where the windows of a convolution lie along one axis.

    Args:
        op: The layer.
        axis: Number of the axis, from 0 after the batch.
        length: Size of its input there.
        places: Size of its output there.
    """

    def __init__(self, op, axis, length, places):
        self.size, self.dilation = op.kernel_size[axis], op.dilation_rate[axis]
        self.stride, self.places = op.strides[axis], places
        reach = (self.size - 1) * self.dilation + 1
        self.before = 0
        if isinstance(op, TRANSPOSED):
            # A convolution of the input with zeros between its values.
            crop = max(reach - self.stride, 0) if op.padding == "same" else 0
            self.before = reach - 1 - crop // 2
            self.stride = 1
        if op.padding == "causal":
            self.before = reach - 1
        elif op.padding == "same" and not isinstance(op, TRANSPOSED):
            missing = (places - 1) * self.stride + reach - length
            self.before = max(missing, 0) // 2


def _windows(op, shape):
    outputs = op.compute_output_shape((1, *shape[1:]))[1:-1]
    return [
        _Window(op, axis, length, places)
        for axis, (length, places) in enumerate(zip(shape[1:-1], outputs))
    ]


def _index(windows, sizes, places):
    """Where the numbers of each place lie in the flattened image.

    Returns:
        Int array (places, taps), and a bool array of which lie inside of the
        image and not in its border of zeros.
    """
    corners = np.unravel_index(places, [w.places for w in windows])
    index = np.zeros((len(places), 1), int)
    inside = np.ones(index.shape, bool)
    for window, size, corner in zip(windows, sizes, corners):
        taps = np.arange(window.size) * window.dilation - window.before
        along = (corner[:, None] * window.stride + taps)[:, None, :]
        index = index[:, :, None] * size + np.clip(along, 0, size - 1)
        inside = inside[:, :, None] & (along >= 0) & (along < size)
        index = index.reshape(len(places), -1)
        inside = inside.reshape(index.shape)
    return index, inside


def _in_groups(flat, shape, groups):
    """(images, places * taps, channels) as (groups, rows, taps * width)."""
    places, taps = shape
    width = flat.shape[-1] // groups
    if groups == 1:
        return tf.reshape(flat, (1, -1, taps * width))
    flat = tf.reshape(flat, (-1, taps, groups, width))
    return tf.reshape(
        tf.transpose(flat, (2, 0, 1, 3)), (groups, -1, taps * width)
    )


def _depthwise_values(op, flat, shape):
    """What the depthwise half of a separable convolution gives: (rows, c)."""
    places, taps = shape
    rows = tf.reshape(flat, (-1, taps, flat.shape[-1]))
    kernel = tf.cast(op.depthwise_kernel, tf.float32)
    kernel = tf.reshape(kernel, (taps, flat.shape[-1], -1))
    values = tf.einsum("rtc,tcm->rcm", rows, kernel)
    return tf.reshape(values, (len(rows), -1))


def _spread(features, strides):
    """Puts zeros between values: (images, ..., channels)."""
    for axis, stride in enumerate(strides, 1):
        shape = features.shape
        features = tf.expand_dims(features, axis + 1)
        borders = [(0, 0)] * len(features.shape)
        borders[axis + 1] = 0, stride - 1
        size = shape[axis] * stride
        features = tf.reshape(
            tf.pad(features, borders),
            (-1, *shape[1:axis], size, *shape[axis + 1 :]),
        )
        keep = [slice(None)] * len(shape)
        keep[axis] = slice(size - stride + 1)
        features = features[tuple(keep)]
    return features
