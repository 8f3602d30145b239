"""BatchNormalization as part of the kernel and the bias before it."""

import numpy as np
from keras import layers


def affine(norm):
    """What a layer does at inference, as (scale, shift) by channel.

    Args:
        norm: A `BatchNormalization`, `Rescaling` or `Normalization`.

    Returns:
        Two float64 arrays (channels,), or of one element.
    """
    if isinstance(norm, layers.BatchNormalization):
        variance = np.asarray(norm.moving_variance, "float64")
        scale = 1 / np.sqrt(variance + norm.epsilon)
        if norm.gamma is not None:
            scale = scale * np.asarray(norm.gamma)
        shift = -np.asarray(norm.moving_mean) * scale
        return scale, shift + (0 if norm.beta is None else norm.beta.numpy())
    if isinstance(norm, layers.Rescaling):
        return (
            np.ravel(np.asarray(norm.scale, "float64")),
            np.ravel(np.asarray(norm.offset, "float64")),
        )
    deviation = np.maximum(np.sqrt(np.asarray(norm.variance)), 1e-7)
    scale = 1 / np.ravel(deviation).astype("float64")
    shift = -np.ravel(np.asarray(norm.mean)) * scale
    return (1 / scale, -shift / scale) if norm.invert else (scale, shift)


def is_affine(node):
    """Whether a node scales and shifts the channels of images alone."""
    op = node.op
    if type(op) is layers.BatchNormalization:
        return op.axis in (-1, len(node.outputs[0].shape) - 1)
    if type(op) is layers.Normalization:
        axes = op.axis if isinstance(op.axis, tuple) else (op.axis,)
        return tuple(a % 4 for a in axes if a is not None) in ((), (3,))
    return type(op) is layers.Rescaling
