"""Pruning rules for reshaping, permuting, repeating and padding."""

import numpy as np
from keras import layers

from tfdcu.pruning.rules.registry import dims_of
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable
from tfdcu.pruning.rules.reshape import permute
from tfdcu.pruning.rules.reshape import reshape


@register_rule(layers.Flatten)
def flatten(step):
    """Merges all axes but the batch, channels last."""
    axes = step.axes()
    shape = step.inputs[0].shape
    if getattr(step.op, "data_format", None) == "channels_first":
        order = [0, *range(2, len(shape)), 1] if len(shape) > 1 else [0]
        axes, shape = permute(axes, order), permute(shape, order)
    size = step.node.outputs[0].shape[1:]
    return axes[:1] + reshape(step, axes[1:], shape[1:], size)


@register_rule(layers.Reshape)
def reshape_layer(step):
    """As in `reshape`; the target shape follows the kept channels."""
    target = list(step.op.get_config()["target_shape"])
    shape, new_shape = step.inputs[0].shape, step.node.outputs[0].shape
    axes = step.axes()
    result = reshape(step, axes[1:], shape[1:], new_shape[1:])

    def change(config, count):
        config["target_shape"] = [
            size if labels is None or size == -1 else count(labels)
            for size, labels in zip(target, result)
        ]

    step.edit("target_shape", result, change)
    return axes[:1] + result


@register_rule("ops.Reshape", "ops.Ravel")
def reshape_op(step):
    """Like the layer, with the batch among the axes."""
    new_shape = step.node.outputs[0].shape
    result = reshape(step, step.axes(), step.inputs[0].shape, new_shape)
    if hasattr(step.op, "newshape"):
        target = np.atleast_1d(np.array(step.op.newshape, object)).tolist()

        def change(config, count):
            config["newshape"] = [
                size if labels is None or size in (-1, None) else count(labels)
                for size, labels in zip(target, result)
            ]

        step.edit("newshape", result, change)
    return result


@register_rule(layers.Permute)
def permute_layer(step):
    """Permutes the axes."""
    return permute(step.axes(), (0, *step.op.dims))


@register_rule("ops.Transpose")
def transpose(step):
    """Permutes the axes."""
    axes = step.axes()
    return permute(axes, step.op.axes or range(len(axes))[::-1])


@register_rule("ops.Moveaxis")
def moveaxis(step):
    """Moves axes."""
    axes = step.axes()
    source = dims_of(step.op.source, len(axes))
    target = dims_of(step.op.destination, len(axes))
    rest = [place for place in range(len(axes)) if place not in source]
    for place, dim in sorted(zip(target, source)):
        rest.insert(place, dim)
    return permute(axes, rest)


@register_rule("ops.Swapaxes")
def swapaxes(step):
    """Exchanges two axes."""
    axes = step.axes()
    first, second = step.op.axis1, step.op.axis2
    axes[first], axes[second] = axes[second], axes[first]
    return axes


@register_rule("ops.ExpandDims")
def expand_dims(step):
    """Inserts axes of size one."""
    axes = step.axes()
    rank = len(axes)
    axis = step.op.axis
    dims = axis if isinstance(axis, (list, tuple)) else [axis]
    for dim in sorted(dim % (rank + len(dims)) for dim in dims):
        axes.insert(dim, None)
    return axes


@register_rule("ops.Squeeze")
def squeeze(step):
    """Removes axes of size one, whose channel is kept."""
    axes, shape = step.axes(), step.inputs[0].shape
    axis = step.op.axis
    if axis is None:
        axis = [dim for dim, size in enumerate(shape) if size == 1]
        # Pruning may leave a channel axis of size one: do not squeeze it.
        step.edit("axis", [], lambda config, count: config.update(axis=axis))
    dims = set(dims_of(axis, len(axes)))
    axes = fix_axes(step, axes, dims)
    return [x for d, x in enumerate(axes) if d not in dims]


@register_rule(layers.RepeatVector)
def repeat_vector(step):
    """(batch, channels) to (batch, n, channels)."""
    batch, channels = step.axes()
    return [batch, None, channels]


@register_rule("ops.Repeat")
def repeat(step):
    """Repeats each position."""
    axes, op = step.axes(), step.op
    if op.axis is None or np.ndim(op.repeats):
        return unprunable(step)
    if axes[op.axis] is not None:
        axes[op.axis] = np.repeat(axes[op.axis], op.repeats)
    return axes


@register_rule("ops.Tile")
def tile(step):
    """Repeats the axis."""
    axes = step.axes()
    repeats = np.atleast_1d(step.op.repeats).tolist()
    axes = [None] * (len(repeats) - len(axes)) + axes
    repeats = [1] * (len(axes) - len(repeats)) + repeats
    return [
        None if labels is None else np.tile(labels, times)
        for labels, times in zip(axes, repeats)
    ]


@register_rule("ops.Slice")
def slice_axes(step):
    """Axes that are taken whole pass their labels through."""
    axes, before = step.axes(), step.inputs[0].shape
    sizes = [int(size) for size in step.op.shape]
    whole = [size in (-1, full) for size, full in zip(sizes, before)]
    part = [dim for dim, same in enumerate(whole) if not same]
    axes = fix_axes(step, axes, part) if part else axes

    def change(config, count):
        config["shape"] = [
            size if labels is None or size == -1 else count(labels)
            for size, labels in zip(sizes, axes)
        ]

    step.edit("shape", axes, change)
    return axes


@register_rule("ops.Pad")
def pad(step):
    """Keeps the channels on padded axes."""
    axes = step.axes()
    widths = np.broadcast_to(step.op.pad_width, (len(axes), 2))
    return fix_axes(step, axes, [d for d, w in enumerate(widths) if any(w)])
