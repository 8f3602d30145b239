"""Rows of a layer's least squares: its inputs and what is to come out."""

import numpy as np
import tensorflow as tf

from tfdcu.graph.kernels import kernel_of
from tfdcu.graph.kernels import outputs_at
from tfdcu.graph.patches import patches_at
from tfdcu.graph.patches import values_at


def rows_at(layer, own, original, places, keep):
    """Inputs and outputs of a layer at some places of a batch.

    The outputs are those of the original in the channels that stay, before
    any activation. Where a shortcut is added to them, they also make up for
    what it has lost already: their sum with the student's own shortcut is the
    original's (He et al. 2017, arXiv:1707.06168, section 3.3).

    Args:
        layer: A `Solvable`.
        own: Dict from the identity of a `Tensor` of the student to its value.
        original: The same of the original.
        places: From `draw_places`.
        keep: `ChannelPlan.keep`.

    Returns:
        Tuple of float32 tensors (groups, images * places, unknowns) and
        (groups, images * places, filters).
    """
    op, origin = layer.node.op, layer.origin
    stays = keep.get(origin.path, slice(None))
    inputs = patches_at(op, own[id(layer.node.inputs[0])], places)
    outputs = outputs_at(origin.op, original[id(origin.inputs[0])], places)
    outputs = outputs.numpy()[:, stays]
    if layer.shortcut is not None:
        mine, theirs = (
            values_at(values[id(tensor)], places).numpy()
            for values, tensor in zip((own, original), layer.shortcut)
        )
        outputs += (theirs[:, stays] - mine) / _scale(layer.norm)
    groups, _, filters = kernel_of(op).shape
    outputs = outputs.reshape(-1, groups, filters).transpose(1, 0, 2)
    return inputs, tf.convert_to_tensor(outputs)


def _scale(norm):
    """What a BatchNormalization multiplies by; infinite where nearly 0."""
    if norm is None:
        return np.float32(1)
    scale = 1 / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * norm.gamma.numpy()
    least = 1e-3 * np.abs(scale).max() + 1e-30
    return np.where(np.abs(scale) < least, np.inf, scale).astype("float32")
