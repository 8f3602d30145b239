"""What a layer sees at some places of its feature map, as rows of numbers."""

import numpy as np
import tensorflow as tf


def sampled_positions(sizes, num, generator):
    """Draws places of a feature map, without repetition.

    Args:
        sizes: Sizes of the axes between batch and channels; () for vectors.
        num: How many; all where there are fewer.
        generator: A NumPy generator.

    Returns:
        Sorted int array of places, counted along the flattened axes.
    """
    total = int(np.prod(sizes, dtype=int))
    chosen = generator.choice(total, min(num, total), replace=False)
    return np.sort(chosen)


def sampled_values(features, places):
    """The channels of each image at these places.

    Args:
        features: Tensor (images, ..., channels).
        places: From `sampled_positions`.

    Returns:
        Float32 array (images * places, channels).
    """
    features = tf.cast(features, tf.float32)
    channels = features.shape[-1]
    flat = tf.reshape(features, (len(features), -1, channels))
    rows = tf.gather(flat, places, axis=1)
    return tf.reshape(rows, (-1, channels)).numpy()


def sampled_patches(op, features, places):
    """What a layer multiplies with its kernel to get its output there.

    Args:
        op: A `Dense`, or a `Conv2D` without groups, channels last.
        features: Tensor (images, ..., channels), its input.
        places: Places of its output, from `sampled_positions`.

    Returns:
        Float32 array (images * places, numbers): times the kernel, reshaped
        to (numbers, filters), it is the layer's output without the bias.
    """
    if len(op.kernel.shape) == 2:
        return sampled_values(features, places)
    features = tf.cast(features, tf.float32)
    starts, padded = _windows(op, features)
    width = padded.shape[2]
    rows, columns = np.divmod(places, len(starts[1]))
    taps = [
        np.arange(size) * step
        for size, step in zip(op.kernel_size, op.dilation_rate)
    ]
    # (places, kernel height, kernel width), along the flattened image
    index = (starts[0][rows][:, None] + taps[0])[:, :, None] * width + (
        starts[1][columns][:, None] + taps[1]
    )[:, None, :]
    flat = tf.reshape(padded, (len(padded), -1, padded.shape[-1]))
    patches = tf.gather(flat, index.reshape(-1), axis=1)
    numbers = index[0].size * padded.shape[-1]
    return tf.reshape(patches, (-1, numbers)).numpy()


def _windows(op, features):
    """Where the windows of a convolution start, and the image to start in."""
    starts, borders = [], [(0, 0)]
    for axis, (size, stride, step) in enumerate(
        zip(op.kernel_size, op.strides, op.dilation_rate), 1
    ):
        length, reach = features.shape[axis], (size - 1) * step + 1
        border = 0
        if op.padding == "same":
            border = max(
                (-(-length // stride) - 1) * stride + reach - length, 0
            )
        borders.append((border // 2, border - border // 2))
        starts.append(np.arange(0, length + border - reach + 1, stride))
    return starts, tf.pad(features, [*borders, (0, 0)])
