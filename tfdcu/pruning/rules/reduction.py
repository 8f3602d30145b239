"""Rules of what mixes along an axis, or takes it away."""

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
    """A step is masked when all its channels have one value: keep them."""
    axes = step.axes()
    return fix_axes(step, axes, [-1])


@register_rule(layers.Softmax, "ops.Softmax", "ops.LogSoftmax")
def softmax(step):
    """Sums over its axis, so those stay; the others pass, as do a mask's."""
    given = tree.flatten((step.node.args, step.node.kwargs))
    axes = broadcast(step, [one for one in given if hasattr(one, "shape")])
    return fix_axes(step, axes, dims_of(step.op.axis, len(axes)))


@register_rule("ops.Glu")
def gated(step):
    """Splits its axis in two halves, so what lies there is kept."""
    return fix_axes(step, step.axes(), [step.op.axis])


@register_rule(*ops_named(_OVER_AXIS))
def over_axis(step):
    """Mixes along its axis, which is kept; the others pass."""
    axes = step.axes()
    if len(step.inputs) != 1:
        return unprunable(step)
    if getattr(step.op, "axis", None) is None:
        fix_axes(step, axes, range(len(axes)))
        return [None] * len(step.node.outputs[0].shape)
    return fix_axes(step, axes, dims_of(step.op.axis, len(axes)))


@register_rule(*ops_named(_REDUCING))
def reduce(step):
    """Takes axes away; along them everything is kept."""
    axes = step.axes()
    dims = set(dims_of(getattr(step.op, "axis", None), len(axes)))
    return _without(step, fix_axes(step, axes, dims), dims)


@register_rule("ops.Sum")
def add_up(step):
    """Takes axes away; a silent channel adds nothing, so it may go."""
    axes = step.axes()
    dims = set(dims_of(step.op.axis, len(axes)))
    return _without(step, axes, dims)


def _without(step, axes, dims):
    if getattr(step.op, "keepdims", False):
        return [None if d in dims else x for d, x in enumerate(axes)]
    return [x for d, x in enumerate(axes) if d not in dims]
