"""Pruning rules for convolutions, dense layers and embeddings."""

import numpy as np
from keras import layers

from tfdcu.pruning.rules.registry import activate
from tfdcu.pruning.rules.registry import channel_axis
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable


def _stored(layer, name="kernel"):
    """The stored variable; `layer.kernel` may be computed from it."""
    variable = getattr(layer, f"_{name}", None)
    return getattr(layer, name) if variable is None else variable


def _places(step):
    """Labels of the input, spatial axes kept, and the channel axis."""
    axes, channel = step.axes(), channel_axis(step.op)
    space = set(range(1, len(axes))) - {channel % len(axes)}
    return fix_axes(step, axes, space), channel


def _leave(step, axes, channel, made):
    axes[channel] = made
    return activate(step, axes, step.op.activation)


@register_rule(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def convolution(step):
    """Kernel (..., in / groups, out)."""
    axes, channel = _places(step)
    op, kernel = step.op, _stored(step.op)
    if op.groups > 1:
        made = _grouped(step, axes[channel], kernel)
    else:
        made = step.new("out", op.filters)
        step.weight(kernel, -2, axes[channel], "in")
        step.weight(kernel, -1, made, "out")
    step.weight(op.bias, -1, made)
    step.size("filters", made)
    return _leave(step, axes, channel, made)


def _grouped(step, given, kernel):
    """Prunes groups, or one position in every group, whichever is finer.

    Group j reads its own `width` input channels and produces `filters / groups`
    output channels; the input axis of the kernel has size `width`.
    """
    op = step.op
    groups, width = op.groups, kernel.shape[-2]
    made = step.new("out", op.filters)
    # (groups, filters / groups)
    rows = made.reshape(groups, -1)
    if given is None:
        step.weight(kernel, -2, None, "in")
        step.tie(rows[1:].ravel(), np.tile(rows[0], groups - 1))
    elif groups >= width:
        group = step.new("groups", groups)
        step.tie(given, np.repeat(group, width))
        step.tie(made, np.repeat(group, rows.shape[1]))
        step.weight(kernel, -2, None, "in")
        step.size("groups", group)
    else:
        position = step.new("positions", width)
        step.tie(given, np.tile(position, groups))
        step.tie(rows[1:].ravel(), np.tile(rows[0], groups - 1))
        step.weight(kernel, -2, position, "in")
    step.weight(kernel, -1, made, "out")
    return made


@register_rule(
    layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose
)
def transposed(step):
    """Kernel (..., out, in)."""
    axes, channel = _places(step)
    made = step.new("out", step.op.filters)
    step.weight(_stored(step.op), -1, axes[channel], "in")
    step.weight(_stored(step.op), -2, made, "out")
    step.weight(step.op.bias, -1, made)
    step.size("filters", made)
    return _leave(step, axes, channel, made)


@register_rule(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def depthwise(step):
    """Kernel (..., in, multiplier): `multiplier` outputs per channel."""
    axes, channel = _places(step)
    op, given = step.op, axes[channel]
    step.weight(op.kernel, -2, given)
    made = None if given is None else np.repeat(given, op.depth_multiplier)
    step.weight(op.bias, -1, made)
    return _leave(step, axes, channel, made)


@register_rule(layers.SeparableConv1D, layers.SeparableConv2D)
def separable(step):
    """A depthwise kernel, then a pointwise one (..., in * multiplier, out)."""
    axes, channel = _places(step)
    op, given = step.op, axes[channel]
    made = step.new("out", op.filters)
    step.weight(op.depthwise_kernel, -2, given)
    middle = None if given is None else np.repeat(given, op.depth_multiplier)
    step.weight(op.pointwise_kernel, -2, middle, "in")
    step.weight(op.pointwise_kernel, -1, made, "out")
    step.weight(op.bias, -1, made)
    step.size("filters", made)
    return _leave(step, axes, channel, made)


@register_rule(layers.Dense)
def dense(step):
    """Kernel (in, out) on the last axis."""
    axes, op = step.axes(), step.op
    made = step.new("out", op.units)
    step.weight(_stored(op), 0, axes[-1], "in")
    step.weight(_stored(op), 1, made, "out")
    step.weight(op.bias, -1, made)
    step.size("units", made)
    return _leave(step, axes, -1, made)


@register_rule(layers.Embedding)
def embedding(step):
    """Rows are tokens; columns are channels."""
    axes, op = step.axes(), step.op
    axes = fix_axes(step, axes, range(1, len(axes))) if len(axes) > 1 else axes
    made = step.new("out", op.output_dim)
    step.weight(_stored(op, "embeddings"), 1, made, "out")
    step.size("output_dim", made)
    return axes + [made]


@register_rule(layers.EinsumDense)
def einsum_dense(step):
    """Each letter of the equation has its labels.

    A letter in input and kernel but not in the output is summed over; a
    letter in kernel and output only gets new labels; a letter in all three
    passes its labels through.
    """
    op, axes = step.op, step.axes()
    given, kernel_letters, made = _letters(op.equation, len(axes))
    kernel, labels = _stored(op), dict(zip(given, axes))
    if len(given) != len(axes) or len(kernel_letters) != len(kernel.shape):
        return unprunable(step)
    for axis, letter in enumerate(kernel_letters):
        role = "along" if letter in made else "in"
        if letter not in given and letter in made:
            labels[letter] = step.new(letter, kernel.shape[axis])
            role = "out"
        step.weight(kernel, axis, labels.get(letter), role)
    outputs = [labels[letter] for letter in made]
    for axis in range(0 if op.bias is None else len(op.bias.shape)):
        place = len(made) - len(op.bias.shape) + axis
        if made[place] in op.bias_axes:
            step.weight(op.bias, axis, outputs[place])
    sizes = op.get_config()["output_shape"]
    sizes = [sizes] if isinstance(sizes, int) else list(sizes)
    last = outputs[len(outputs) - len(sizes) :]

    def change(config, count):
        config["output_shape"] = [
            size if size is None or axis is None else count(axis)
            for size, axis in zip(sizes, last)
        ]

    step.edit("output_shape", last, change)
    return activate(step, outputs, op.activation)


def _letters(equation, rank):
    """One letter per axis of input, kernel and output, "..." expanded."""
    left, made = equation.replace(" ", "").split("->")
    given, kernel = left.split(",")
    if "..." in given:
        dots = "0123456789"[: rank - len(given) + 3]
        given, made = (x.replace("...", dots) for x in (given, made))
    return given, kernel.replace("...", ""), made
