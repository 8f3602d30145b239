"""Pruning rules for concatenating, stacking, splitting and slicing."""

import numpy as np
from keras import layers

from tfdcu.graph.graph import Tensor
from tfdcu.pruning.rules.broadcast import broadcast
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable


@register_rule(layers.Concatenate)
def concatenate_layer(step):
    """Labels are concatenated along the axis, tied along the others."""
    (values,) = [*step.node.args, *step.node.kwargs.values()]
    return _join(step, values, step.op.axis)


@register_rule("ops.Concatenate")
def concatenate_op(step):
    """Like the layer; without an axis, unprunable."""
    if step.op.axis is None:
        return unprunable(step)
    return concatenate_layer(step)


def _join(step, tensors, axis):
    """Labels of tensors concatenated along an axis."""
    all_axes = [step.axes(tensor) for tensor in tensors]
    axis = axis % len(all_axes[0])
    result = []
    for dim in range(len(all_axes[0])):
        column = [axes[dim] for axes in all_axes]
        if dim != axis:
            for labels in column[1:]:
                step.tie(column[0], labels)
            result.append(column[0])
        elif any(labels is not None for labels in column):
            sizes = [np.shape(tensor)[dim] for tensor in tensors]
            parts = [
                np.zeros(size, int) if labels is None else labels
                for labels, size in zip(column, sizes)
            ]
            result.append(np.concatenate(parts))
        else:
            result.append(None)
    return result


@register_rule("ops.Stack")
def stack(step):
    """Adds an axis without labels; the others are tied."""
    values = step.node.args[0] if step.node.args else step.inputs
    if len(step.inputs) != len(values):
        return unprunable(step)
    axes = broadcast(step, step.inputs)
    axes.insert(step.op.axis % (len(axes) + 1), None)
    return axes


@register_rule("ops.Unstack")
def unstack(step):
    """Removes an axis, whose channels are kept."""
    axes = step.axes()
    axis = step.op.axis % len(axes)
    axes = fix_axes(step, axes, [axis])
    axes.pop(axis)
    return [list(axes) for _ in step.node.outputs]


@register_rule("ops.Split")
def split(step):
    """Splits the labels; the split indices follow the kept channels."""
    axes, op = step.axes(), step.op
    axis = op.axis % len(axes)
    labels, limits = axes[axis], op.indices_or_sections
    if labels is None:
        return [list(axes) for _ in step.node.outputs]
    if np.ndim(limits) == 0:
        parts = np.split(labels, int(limits))
    else:
        parts = np.split(labels, [int(limit) for limit in limits])

    def change(config, count):
        sizes = [count(part) for part in parts[:-1]]
        config["indices_or_sections"] = [int(n) for n in np.cumsum(sizes)]

    step.edit("indices_or_sections", [labels], change)
    return [
        axes[:axis] + [part] + axes[axis + 1 :]
        for part in parts[: len(step.node.outputs)]
    ]


@register_rule("ops.GetItem")
def get_item(step):
    """Slices the labels; slice limits follow the kept channels."""
    key = step.node.args[1] if len(step.node.args) > 1 else None
    key = step.node.kwargs.get("key", key)
    key = list(key) if isinstance(key, (list, tuple)) else [key]
    axes, result = step.axes(), []
    if any(isinstance(k, Tensor) or np.ndim(k) for k in key if k is not None):
        return unprunable(step)
    if Ellipsis in key:
        place = key.index(Ellipsis)
        used = sum(k is not None for k in key) - 1
        key[place : place + 1] = [slice(None)] * (len(axes) - used)
    key += [slice(None)] * (len(axes) - sum(k is not None for k in key))
    parts, left = [], list(axes)
    for k in key:
        if k is None:
            result.append(None)
            continue
        labels = left.pop(0)
        if not isinstance(k, slice):
            step.fix(labels)
        elif labels is None or k == slice(None):
            result.append(labels)
        elif k.step in (None, 1):
            result.append(labels[k])
            parts.append((len(axes) - len(left) - 1, labels, k))
        else:
            step.fix(labels)
            result.append(labels[k])
    if parts:
        _follow_slices(step, key, parts)
    return result


@register_rule("ops.Take")
def take(step):
    """Chooses places along an axis, whose channels are kept."""
    values, places = [*step.node.args, *step.node.kwargs.values()]
    if step.op.axis is None:
        return unprunable(step)
    axes = step.axes(values)
    axis = step.op.axis % len(axes)
    axes = fix_axes(step, axes, [axis])
    chosen = step.axes(places)
    fix_axes(step, chosen, range(len(chosen)))
    return axes[:axis] + [None] * len(chosen) + axes[axis + 1 :]


def _follow_slices(step, key, parts):
    axis_of, axis = [], 0
    for k in key:
        axis_of.append(axis if k is not None else None)
        axis += k is not None

    def change(args, kwargs, keep):
        new = list(key)
        for axis, labels, part in parts:
            start, stop, _ = part.indices(len(labels))
            kept = keep(labels)
            new[axis_of.index(axis)] = slice(
                int((kept < start).sum()), int((kept < stop).sum())
            )
        return (args[0], tuple(new)), {}

    step.edit_call("slices", [labels for _, labels, _ in parts], change)
