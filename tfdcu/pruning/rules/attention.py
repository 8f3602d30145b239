"""Pruning rules for attention layers: heads and head width."""

from math import sqrt

import numpy as np
from keras import layers

from tfdcu.graph.keras_private import projections
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import fix_rest
from tfdcu.pruning.rules.registry import register_rule


def _inputs(step):
    """Labels of the channels of query, value and key; other axes are kept."""
    args, kwargs = step.node.args, step.node.kwargs
    tensors = dict(zip(("query", "value", "key"), args)) | kwargs
    tensors["key"] = (
        tensors["key"] if tensors.get("key") is not None else tensors["value"]
    )
    names = "query", "value", "key"
    channels = {}
    for name in names:
        axes = step.axes(tensors[name])
        channels[name] = axes[-1]
        fix_axes(step, axes, range(len(axes) - 1))
    fix_rest(step, [tensors[name] for name in names])
    return channels


def _project(step, dense, inputs, heads, width):
    """Kernel (in, heads, width), bias (heads, width)."""
    step.weight(dense.kernel, 0, inputs, "in")
    step.weight(dense.kernel, 1, heads, "inner")
    step.weight(dense.kernel, 2, width, "inner")
    step.weight(dense.bias, 0, heads, "inner")
    step.weight(dense.bias, 1, width, "inner")


def _keep_scale(step, dense, width):
    """Rescales the query: scores are divided by sqrt(width), which changes."""

    def factor(before, after):
        return sqrt(after / before)

    step.multiply(dense.kernel, width, factor)
    if dense.bias is not None:
        step.multiply(dense.bias, width, factor)


def _finish(step, out, heads):
    """Labels of the output, and of the scores if they are returned."""
    axes = [None] * (len(step.inputs[0].shape) - 1) + [out]
    if len(step.node.outputs) == 1:
        return axes
    step.fix(heads, f"attention scores of {step.path!r} are used")
    return [axes, [None] * len(step.node.outputs[1].shape)]


@register_rule(layers.MultiHeadAttention)
def multi_head_attention(step):
    """Prunes heads, widths of query/key and value, and outputs."""
    op, channels = step.op, _inputs(step)
    dense = projections(op)
    heads = step.new("heads", op.num_heads)
    key = step.new("key", op.key_dim)
    value = step.new("value", op.value_dim)
    _project(step, dense["query"], channels["query"], heads, key)
    _project(step, dense["key"], channels["key"], heads, key)
    _project(step, dense["value"], channels["value"], heads, value)
    if "gate" in dense:
        _project(step, dense["gate"], channels["query"], heads, value)
    kernel = dense["output"].kernel
    step.weight(kernel, 0, heads, "inner")
    step.weight(kernel, 1, value, "inner")
    step.size("num_heads", heads)
    step.size("key_dim", key)
    step.size("value_dim", value)
    _keep_scale(step, dense["query"], key)
    if len(kernel.shape) != 3:
        rank = len(step.inputs[0].shape) - 1 + len(kernel.shape) - 2
        step.fix(channels["query"])
        return [[None] * rank]
    out = step.new("out", kernel.shape[-1])
    step.weight(kernel, 2, out, "out")
    step.weight(dense["output"].bias, 0, out)

    def change(config, count):
        config["output_shape"] = (count(out),)

    step.edit("output_shape", [out], change)
    return _finish(step, out, heads)


@register_rule(layers.GroupQueryAttention)
def grouped_query_attention(step):
    """Prunes key-value heads with their query heads, and the head width.

    Queries, keys and values have the same head width; the output has as many
    channels as the query.
    """
    op, channels = step.op, _inputs(step)
    dense = projections(op)
    for name in ("value", "key"):
        step.tie(channels["query"], channels[name])
    pairs = step.new("heads", op.num_key_value_heads)
    heads = np.repeat(pairs, op.num_query_heads // op.num_key_value_heads)
    width = step.new("width", op.head_dim)
    _project(step, dense["query"], channels["query"], heads, width)
    _project(step, dense["key"], channels["key"], pairs, width)
    _project(step, dense["value"], channels["value"], pairs, width)
    if "gate" in dense:
        _project(step, dense["gate"], channels["query"], heads, width)
    output = dense["output"]
    step.weight(output.kernel, 0, heads, "inner")
    step.weight(output.kernel, 1, width, "inner")
    step.size("num_query_heads", heads)
    step.size("num_key_value_heads", pairs)
    step.size("head_dim", width)
    _keep_scale(step, dense["query"], width)
    out = step.new("out", output.kernel.shape[-1])
    step.tie(out, channels["query"])
    step.weight(output.kernel, 2, out, "out")
    step.weight(output.bias, 0, out)
    return _finish(step, out, pairs)


@register_rule(layers.Attention, layers.AdditiveAttention)
def attention(step):
    """Query and key channels are tied; value channels pass through."""
    args = step.node.args or [step.node.kwargs["inputs"]]
    axes = [step.axes(tensor) for tensor in args[0]]
    for tensor_axes in axes:
        fix_axes(step, tensor_axes, range(len(tensor_axes) - 1))
    fix_rest(step, args[0])
    key = axes[2 if len(axes) > 2 else 1]
    step.tie(axes[0][-1], key[-1])
    if isinstance(step.op, layers.AdditiveAttention):
        step.weight(getattr(step.op, "scale", None), 0, key[-1])
    outputs = [axes[0][:-1] + [axes[1][-1]]]
    if len(step.node.outputs) > 1:
        outputs.append([None] * len(step.node.outputs[1].shape))
    return outputs
