"""Pruning rules for convolutions, dense layers and embeddings."""

import numpy as np
from keras import layers

from tfdcu.graph.keras_private import stored_weight
from tfdcu.pruning.rules.registry import activate
from tfdcu.pruning.rules.registry import channel_axis
from tfdcu.pruning.rules.registry import dims_of
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable


def _places(step):
    """Labels of the input, spatial axes kept, and the channel axis."""
    axes, channel = step.axes(), channel_axis(step.op)
    space = set(range(1, len(axes))) - {channel % len(axes)}
    return fix_axes(step, axes, space), channel


def _finish(step, axes, channel, out):
    axes[channel] = out
    return activate(step, axes, step.op.activation)


@register_rule(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def convolution(step):
    """Kernel (..., in / groups, out)."""
    axes, channel = _places(step)
    op, kernel = step.op, stored_weight(step.op)
    if op.groups > 1:
        out = _grouped(step, axes[channel], kernel)
    else:
        out = step.new("out", op.filters)
        step.weight(kernel, -2, axes[channel], "in")
        step.weight(kernel, -1, out, "out")
    step.weight(op.bias, -1, out)
    step.size("filters", out)
    return _finish(step, axes, channel, out)


def _grouped(step, inputs, kernel):
    """Prunes groups, or one position in every group, whichever is finer.

    Group j reads its own `width` input channels and produces `filters / groups`
    output channels; the input axis of the kernel has size `width`.
    """
    op = step.op
    groups, width = op.groups, kernel.shape[-2]
    out = step.new("out", op.filters)
    # (groups, filters / groups)
    rows = out.reshape(groups, -1)
    if inputs is None:
        step.weight(kernel, -2, None, "in")
        step.tie(rows[1:].ravel(), np.tile(rows[0], groups - 1))
    elif groups >= width:
        group = step.new("groups", groups)
        step.tie(inputs, np.repeat(group, width))
        step.tie(out, np.repeat(group, rows.shape[1]))
        step.weight(kernel, -2, None, "in")
        step.size("groups", group)
    else:
        position = step.new("positions", width)
        step.tie(inputs, np.tile(position, groups))
        step.tie(rows[1:].ravel(), np.tile(rows[0], groups - 1))
        step.weight(kernel, -2, position, "in")
    step.weight(kernel, -1, out, "out")
    return out


@register_rule(
    layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose
)
def transposed(step):
    """Kernel (..., out, in)."""
    axes, channel = _places(step)
    out = step.new("out", step.op.filters)
    step.weight(stored_weight(step.op), -1, axes[channel], "in")
    step.weight(stored_weight(step.op), -2, out, "out")
    step.weight(step.op.bias, -1, out)
    step.size("filters", out)
    return _finish(step, axes, channel, out)


@register_rule(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def depthwise(step):
    """Kernel (..., in, multiplier): `multiplier` outputs per channel."""
    axes, channel = _places(step)
    op, labels = step.op, axes[channel]
    step.weight(op.kernel, -2, labels)
    out = None if labels is None else np.repeat(labels, op.depth_multiplier)
    step.weight(op.bias, -1, out)
    return _finish(step, axes, channel, out)


@register_rule(layers.SeparableConv1D, layers.SeparableConv2D)
def separable(step):
    """A depthwise kernel, then a pointwise one (..., in * multiplier, out)."""
    axes, channel = _places(step)
    op, labels = step.op, axes[channel]
    out = step.new("out", op.filters)
    step.weight(op.depthwise_kernel, -2, labels)
    middle = None if labels is None else np.repeat(labels, op.depth_multiplier)
    step.weight(op.pointwise_kernel, -2, middle, "in")
    step.weight(op.pointwise_kernel, -1, out, "out")
    step.weight(op.bias, -1, out)
    step.size("filters", out)
    return _finish(step, axes, channel, out)


@register_rule("ops.Conv")
def convolution_op(step):
    """An image and a kernel (..., in, out) that was computed."""
    images, kernel = step.node.args[:2]
    axes, taps = step.axes(images), step.axes(kernel)
    channel = channel_axis(step.op) % len(axes)
    grouped = np.shape(kernel)[-2] != step.inputs[0].shape[channel]
    fix_axes(step, taps, range(len(taps) - 2))
    space = [dim for dim in range(1, len(axes)) if dim != channel]
    axes = fix_axes(step, axes, space)
    if grouped:
        fix_axes(step, taps, [-2, -1])
        fix_axes(step, axes, [channel])
        return [None] * len(axes)
    step.tie(axes[channel], taps[-2])
    axes[channel] = taps[-1]
    return axes


@register_rule("ops.Moments")
def moments(step):
    """Mean and variance over some axes, whose channels are kept."""
    axes, op = step.axes(), step.op
    dims = set(dims_of(op.axes, len(axes)))
    axes = fix_axes(step, axes, dims)
    if op.keepdims:
        left = [None if d in dims else x for d, x in enumerate(axes)]
    else:
        left = [x for d, x in enumerate(axes) if d not in dims]
    return [left, list(left)]


@register_rule(layers.Dense)
def dense(step):
    """Kernel (in, out) on the last axis."""
    axes, op = step.axes(), step.op
    out = step.new("out", op.units)
    step.weight(stored_weight(op), 0, axes[-1], "in")
    step.weight(stored_weight(op), 1, out, "out")
    step.weight(op.bias, -1, out)
    step.size("units", out)
    return _finish(step, axes, -1, out)


@register_rule(layers.Embedding)
def embedding(step):
    """Rows are tokens; columns are channels."""
    axes, op = step.axes(), step.op
    axes = fix_axes(step, axes, range(1, len(axes))) if len(axes) > 1 else axes
    out = step.new("out", op.output_dim)
    step.weight(stored_weight(op, "embeddings"), 1, out, "out")
    step.size("output_dim", out)
    return axes + [out]


@register_rule(layers.EinsumDense)
def einsum_dense(step):
    """Each letter of the equation has its labels.

    A letter in input and kernel but not in the output is summed over; a
    letter in kernel and output only gets new labels; a letter in all three
    passes its labels through.
    """
    op, axes = step.op, step.axes()
    input_letters, kernel_letters, output_letters = _letters(
        op.equation, len(axes)
    )
    kernel, labels = stored_weight(op), dict(zip(input_letters, axes))
    if len(input_letters) != len(axes) or len(kernel_letters) != len(
        kernel.shape
    ):
        return unprunable(step)
    for axis, letter in enumerate(kernel_letters):
        role = "along" if letter in output_letters else "in"
        if letter not in input_letters and letter in output_letters:
            labels[letter] = step.new(letter, kernel.shape[axis])
            role = "out"
        step.weight(kernel, axis, labels.get(letter), role)
    outputs = [labels[letter] for letter in output_letters]
    for axis in range(0 if op.bias is None else len(op.bias.shape)):
        place = len(output_letters) - len(op.bias.shape) + axis
        if output_letters[place] in op.bias_axes:
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
    left, outputs = equation.replace(" ", "").split("->")
    inputs, kernel = left.split(",")
    if "..." in inputs:
        dots = "0123456789"[: rank - len(inputs) + 3]
        inputs, outputs = (x.replace("...", dots) for x in (inputs, outputs))
    return inputs, kernel.replace("...", ""), outputs
