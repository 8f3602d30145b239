"""Pruning rules for normalization layers."""

import numpy as np
from keras import layers

from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import layers_named
from tfdcu.pruning.rules.registry import register_rule


@register_rule(layers.Normalization)
def normalization(step):
    """Keeps the axis: statistics may be stored in the config."""
    axes, axis = step.axes(), step.op.axis
    if axis is None:
        return axes
    dims = axis if isinstance(axis, (list, tuple)) else [axis]
    return fix_axes(step, axes, dims)


@register_rule(layers.BatchNormalization)
def batch_normalization(step):
    """Slices weights and statistics with the channels."""
    axes, op = step.axes(), step.op
    labels = axes[op.axis]
    step.weight(op.gamma, 0, labels, "scale")
    for variable in (op.beta, op.moving_mean, op.moving_variance):
        step.weight(variable, 0, labels)
    return axes


@register_rule(layers.LayerNormalization)
def layer_normalization(step):
    """Slices weights along the axes; statistics are of kept channels."""
    axes, op = step.axes(), step.op
    dims = op.axis if isinstance(op.axis, (list, tuple)) else [op.axis]
    for place, dim in enumerate(dims):
        step.weight(op.gamma, place, axes[dim], "scale")
        step.weight(op.beta, place, axes[dim])
    return axes


@register_rule(*layers_named("RMSNormalization"))
def rms_normalization(step):
    """Like layer normalization, without a mean."""
    axes, op = step.axes(), step.op
    dims = op.axis if isinstance(op.axis, (list, tuple)) else [op.axis]
    for place, dim in enumerate(dims):
        step.weight(op.scale, place, axes[dim], "scale")
    return axes


@register_rule(layers.UnitNormalization)
def unit_normalization(step):
    """Passes labels through: a masked channel adds nothing to the norm."""
    return step.axes()


@register_rule(layers.GroupNormalization)
def group_normalization(step):
    """Prunes groups, or one position in every group, whichever is finer.

    Statistics are of the kept channels.
    """
    axes, op = step.axes(), step.op
    labels = axes[op.axis]
    step.weight(op.gamma, 0, labels, "scale")
    step.weight(op.beta, 0, labels)
    if labels is None:
        return axes
    size = len(labels)
    groups = size if op.groups == -1 else op.groups
    width = size // groups
    if groups >= width:
        group = step.new("groups", groups)
        step.tie(labels, np.repeat(group, width))
        if op.get_config()["groups"] != -1:
            step.size("groups", group)
    else:
        step.tie(labels, np.tile(step.new("positions", width), groups))
    return axes
