"""Pruning rules for reductions, and operations along an axis."""

from keras import layers
from keras import tree

from tfdcu.pruning.rules.broadcast import broadcast
from tfdcu.pruning.rules.registry import dims_of
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import ops_named
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable

_OVER_AXIS = """
Sparsemax Cumsum Cumprod Sort Argsort Flip Roll Normalize
"""
_REDUCING = """
Mean Max Min Amax Amin Prod Std Var All Any Argmax Argmin CountNonzero Median
Logsumexp
"""


@register_rule(layers.Masking)
def masking(step):
    """Keeps the channels, which tell whether a step is masked."""
    axes = step.axes()
    return fix_axes(step, axes, [-1])


@register_rule(layers.Softmax, "ops.Softmax", "ops.LogSoftmax")
def softmax(step):
    """Keeps the axis that is summed over; the others pass through."""
    args = tree.flatten((step.node.args, step.node.kwargs))
    axes = broadcast(step, [value for value in args if hasattr(value, "shape")])
    return fix_axes(step, axes, dims_of(step.op.axis, len(axes)))


@register_rule("ops.Glu")
def gated(step):
    """Keeps the axis, which is split in two halves."""
    return fix_axes(step, step.axes(), [step.op.axis])


@register_rule(*ops_named(_OVER_AXIS))
def over_axis(step):
    """Keeps the axis; the others pass through."""
    axes = step.axes()
    if len(step.inputs) != 1:
        return unprunable(step)
    if getattr(step.op, "axis", None) is None:
        fix_axes(step, axes, range(len(axes)))
        return [None] * len(step.node.outputs[0].shape)
    return fix_axes(step, axes, dims_of(step.op.axis, len(axes)))


@register_rule(*ops_named(_REDUCING))
def reduce(step):
    """Removes axes, whose channels are kept."""
    axes = step.axes()
    dims = set(dims_of(getattr(step.op, "axis", None), len(axes)))
    return _without(step, fix_axes(step, axes, dims), dims)


@register_rule("ops.Sum")
def add_up(step):
    """Removes axes, prunable ones too: a masked channel adds 0."""
    axes = step.axes()
    dims = set(dims_of(step.op.axis, len(axes)))
    return _without(step, axes, dims)


def _without(step, axes, dims):
    if getattr(step.op, "keepdims", False):
        return [None if d in dims else x for d, x in enumerate(axes)]
    return [x for d, x in enumerate(axes) if d not in dims]
