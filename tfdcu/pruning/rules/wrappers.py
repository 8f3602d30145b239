"""Pruning rules for layers around another layer."""

import keras
from keras import layers

from tfdcu.graph.graph import Node
from tfdcu.graph.graph import Tensor
from tfdcu.graph.keras_private import stored_weight
from tfdcu.pruning.rules.registry import find_rule
from tfdcu.pruning.rules.registry import fix_rest
from tfdcu.pruning.rules.registry import layers_named
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable
from tfdcu.pruning.trace import Step


@register_rule(layers.TimeDistributed)
def time_distributed(step):
    """Applies the inner layer's rule, without the time axis."""
    inner = step.op.layer
    if isinstance(inner, keras.Model):
        return unprunable(step, f"it holds the model {inner.name!r}")
    if type(inner) in _OVER_CHANNELS:
        kind = type(inner).__name__
        return unprunable(step, f"the statistics of {kind} are over channels")
    tensor = step.inputs[0]
    batch, time, *rest = step.axes(tensor)
    step.fix(time)
    fix_rest(step, [tensor])
    axes = _within(step, inner, tensor, [batch, *rest], drop_time=True)
    return [axes[0], None, *axes[1:]]


@register_rule(layers.SpectralNormalization)
def spectral_normalization(step):
    """Applies the inner layer's rule; at inference it does nothing else.

    In training it divides the kernel by its largest singular value, which
    `vector_u` (1, last axis of the kernel) helps to find.
    """
    op, inner = step.op, step.op.layer
    (tensor,) = step.inputs
    axes = _within(step, inner, tensor, step.axes(tensor))
    name = "kernel" if hasattr(inner, "kernel") else "embeddings"
    kernel = stored_weight(inner, name)
    side = step.trace.sides.get((id(kernel), len(kernel.shape) - 1))
    labels = None if side is None else side.labels
    step.weight(op.vector_u, 1, labels, "in")
    return axes


def _within(step, inner, tensor, axes, drop_time=False):
    """Labels of the output of a layer inside the step's layer."""
    start = 2 if drop_time else 1
    shape = (None, *tensor.shape[start:])
    given = Tensor(shape, tensor.dtype)
    outputs = [Tensor((None, *t.shape[start:])) for t in step.node.outputs]
    step.trace.axes[id(given)] = axes
    step.keep_alive(given)
    node = Node(inner, step.path, (given,), {}, outputs, step.node.call)
    found = find_rule(inner)(Step(step.trace, node))
    return found[0] if isinstance(found[0], list) else found


# Their statistics depend on the kept channels, see `masked.py`.
_OVER_CHANNELS = {
    layers.LayerNormalization,
    layers.GroupNormalization,
    *layers_named("RMSNormalization"),
}
