"""Kernels of layers as one matrix a group of channels, to read and to set."""

import numpy as np
import tensorflow as tf
from keras import layers

from tfdcu.graph.patches import SEPARABLE
from tfdcu.graph.patches import TRANSPOSED
from tfdcu.graph.patches import patches_at

DEPTHWISE = layers.DepthwiseConv1D, layers.DepthwiseConv2D
_DENSE = layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D
_KINDS = (*_DENSE, *DEPTHWISE, *TRANSPOSED, *SEPARABLE)


def has_kernel(op):
    """Whether an operation is a layer whose kernel can be read and set."""
    changed = getattr(op, "quantization_mode", None)
    if changed or getattr(op, "lora_enabled", False):
        return False
    last = getattr(op, "data_format", "channels_last") == "channels_last"
    # Subclasses may compute something else.
    return type(op) in _KINDS and last


def kernel_of(op):
    """A layer's kernel: float32 array (groups, unknowns, filters a group).

    `unknowns` are taps times input channels of a group, as in `patches_at`;
    groups times filters count the output channels.
    """
    kernel = np.asarray(_variable(op), "float32")
    if isinstance(op, DEPTHWISE):
        # (taps, channels, multiplier)
        kernel = kernel.reshape(-1, *kernel.shape[-2:])
        return kernel.transpose(1, 0, 2)
    if isinstance(op, TRANSPOSED):
        taps = tuple(range(kernel.ndim - 2))
        kernel = np.flip(kernel, taps).swapaxes(-1, -2)
    groups = getattr(op, "groups", 1)
    kernel = kernel.reshape(-1, groups, kernel.shape[-1] // groups)
    return kernel.transpose(1, 0, 2)


def set_kernel(op, matrix):
    """Gives a layer the kernel whose `kernel_of` is this matrix."""
    variable = _variable(op)
    kernel = np.asarray(matrix).transpose(1, 0, 2)
    shape = tuple(variable.shape)
    if isinstance(op, TRANSPOSED):
        kernel = kernel.reshape(*shape[:-2], shape[-1], shape[-2])
        kernel = np.flip(kernel, tuple(range(len(shape) - 2)))
        kernel = kernel.swapaxes(-1, -2)
    variable.assign(kernel.reshape(shape))


def outputs_at(op, features, places):
    """A layer's outputs at some places, before its activation.

    Args:
        op, features, places: As in `patches_at`.

    Returns:
        Float32 tensor (images * places, channels).
    """
    outputs = tf.matmul(patches_at(op, features, places), kernel_of(op))
    # (groups, rows, filters) to (rows, groups * filters)
    outputs = tf.transpose(outputs, (1, 0, 2))
    outputs = tf.reshape(outputs, (len(outputs), -1))
    return outputs + tf.cast(op.bias, tf.float32) if op.use_bias else outputs


def num_unknowns(op):
    """Numbers of a kernel that one output channel depends on."""
    shape = _variable(op).shape
    if isinstance(op, DEPTHWISE):
        return int(np.prod(shape[:-2]))
    if isinstance(op, TRANSPOSED):
        return int(np.prod(shape[:-2])) * shape[-1]
    return int(np.prod(shape[:-1]))


def _variable(op):
    return op.pointwise_kernel if isinstance(op, SEPARABLE) else op.kernel
