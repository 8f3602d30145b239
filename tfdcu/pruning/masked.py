"""The original model with removed channels masked where they are consumed.

The original graph with the original weights is run operation by operation;
each operation receives zeros for removed channels. Normalizations over
channels compute their statistics from the kept ones. The smaller model must
compute the same; tests and `sensitivity` rely on it.
"""

import keras
import numpy as np
from keras import layers
from keras import ops
from keras import tree

from tfdcu.graph.execute import execute
from tfdcu.graph.execute import infer_node
from tfdcu.graph.execute import with_scaled_weights
from tfdcu.pruning.trace import INSIDE


def masked(groups, kept):
    """The model with channels masked, a function equal to the smaller model.

    Args:
        groups: The `Groups` of a model.
        kept: bool array, one entry per unit: whether it is kept.

    Returns:
        A function of the model's inputs (an array or a list of arrays) that
        returns the list of its outputs. The model is not changed.
    """
    label_kept = kept[groups.unit]
    axes = groups.trace.axes

    def before(node, tensor, value):
        for axis, labels in enumerate(axes[id(tensor)]):
            if labels is not None and not label_kept[labels].all():
                view = [1] * len(value.shape)
                view[axis] = -1
                mask = label_kept[labels].reshape(view)
                value = ops.where(mask, value, ops.zeros_like(value))
        return value

    def call(node, args, kwargs):
        masks = _masks(groups, node, label_kept)
        if type(node.op) in _STATISTICS and masks:
            return [_STATISTICS[type(node.op)](node.op, args[0], masks)]
        inner = _inner_sides(groups, node.op)
        if not inner:
            return infer_node(node, args, kwargs)
        scales = [(s.variable, s.axis, label_kept[s.labels]) for s in inner]
        return with_scaled_weights(node.op, scales, args, kwargs)

    def run(inputs):
        return execute(groups.trace.graph, inputs, call, before)

    return run


def _inner_sides(groups, op):
    return [side for side in groups.sides_in(op) if side.role in INSIDE]


def _masks(groups, node, label_kept):
    """Dict from axis to mask, for first-input axes that lose channels."""
    if not node.inputs:
        return {}
    axes = groups.trace.axes[id(node.inputs[0])]
    return {
        axis: label_kept[labels].astype("float32")
        for axis, labels in enumerate(axes)
        if labels is not None and not label_kept[labels].all()
    }


def _weights(x, axes, masks):
    """1 where a value enters statistics over `axes`, else 0; shape of `x`."""
    weight = ops.ones_like(x)
    for axis in axes:
        if axis in masks:
            view = [1] * len(x.shape)
            view[axis] = -1
            weight = weight * ops.reshape(masks[axis], view)
    return weight


def _moments(x, weight, axes):
    count = ops.sum(weight, axes, keepdims=True)
    mean = ops.sum(x * weight, axes, keepdims=True) / count
    square = ops.sum((x - mean) ** 2 * weight, axes, keepdims=True)
    return mean, square / count


def _norm_axes(op, rank):
    axes = op.axis if isinstance(op.axis, (list, tuple)) else [op.axis]
    return [axis % rank for axis in axes]


def _along(variable, axes, rank, x):
    view = [x.shape[d] if d in axes else 1 for d in range(rank)]
    return ops.reshape(variable.value, view)


def _layer_norm(op, x, masks):
    x = ops.cast(x, "float32")
    rank = len(x.shape)
    axes = _norm_axes(op, rank)
    weight = _weights(x, axes, masks)
    mean, variance = _moments(x, weight, axes)
    centered = x if op.rms_scaling else x - mean
    y = centered / ops.sqrt(variance + op.epsilon)
    if op.gamma is not None:
        y = y * _along(op.gamma, axes, rank, x)
    if op.beta is not None:
        y = y + _along(op.beta, axes, rank, x)
    return ops.cast(y, op.compute_dtype)


def _rms_norm(op, x, masks):
    x = ops.cast(x, "float32")
    rank = len(x.shape)
    axes = _norm_axes(op, rank)
    weight = _weights(x, axes, masks)
    count = ops.sum(weight, axes, keepdims=True)
    square = ops.sum(x * x * weight, axes, keepdims=True) / count
    y = x / ops.sqrt(square + op.epsilon) * _along(op.scale, axes, rank, x)
    return ops.cast(y, op.compute_dtype)


def _group_norm(op, x, masks):
    x = ops.cast(x, "float32")
    rank, axis = len(x.shape), op.axis % len(x.shape)
    size = x.shape[axis]
    groups = size if op.groups == -1 else op.groups
    weight = _weights(x, range(rank), masks)
    # (..., groups, size / groups, ...)
    shape = list(x.shape)
    shape[axis : axis + 1] = [groups, size // groups]
    wide, weight = ops.reshape(x, shape), ops.reshape(weight, shape)
    axes = [d for d in range(1, rank + 1) if d != axis]
    count = ops.maximum(ops.sum(weight, axes, keepdims=True), 1.0)
    mean = ops.sum(wide * weight, axes, keepdims=True) / count
    square = ops.sum((wide - mean) ** 2 * weight, axes, keepdims=True) / count
    y = ops.reshape((wide - mean) / ops.sqrt(square + op.epsilon), x.shape)
    if op.gamma is not None:
        y = y * _along(op.gamma, [axis], rank, x)
    if op.beta is not None:
        y = y + _along(op.beta, [axis], rank, x)
    return ops.cast(y, op.compute_dtype)


_STATISTICS = {
    layers.LayerNormalization: _layer_norm,
    layers.GroupNormalization: _group_norm,
}
if hasattr(layers, "RMSNormalization"):
    _STATISTICS[layers.RMSNormalization] = _rms_norm


def _at_inference(model, inputs):
    if isinstance(model, keras.Model):
        return model(inputs, training=False)
    return model(inputs)


def difference(model, reference, inputs):
    """Largest relative difference between two functions of the same inputs.

    Args:
        model: A model or a function.
        reference: A model or a function.
        inputs: Inputs of both.

    Returns:
        Largest absolute difference of the outputs, divided by the largest
        absolute value of the reference's outputs, a float.
    """
    received = tree.flatten(_at_inference(model, inputs))
    expected = tree.flatten(_at_inference(reference, inputs))
    received = [keras.ops.convert_to_numpy(x) for x in received]
    expected = [keras.ops.convert_to_numpy(x) for x in expected]
    pairs = zip(received, expected, strict=True)
    # `np.max` returns NaN if there is one; `max` may not.
    worst = np.max([np.abs(r - e).max() for r, e in pairs])
    scale = np.max([np.abs(e).max() for e in expected])
    return float(worst / max(scale, 1e-30))
