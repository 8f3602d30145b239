"""Pruning rule for `TimeDistributed`."""

import keras
from keras import layers

from tfdcu.graph.graph import Node
from tfdcu.graph.graph import Tensor
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
    if isinstance(inner, keras.Model) or type(inner) in _OVER_CHANNELS:
        return unprunable(step)
    tensor = step.inputs[0]
    batch, time, *rest = step.axes(tensor)
    step.fix(time)
    fix_rest(step, [tensor])
    inner_input = Tensor((None, *tensor.shape[2:]), tensor.dtype)
    inner_outputs = [Tensor((None, *t.shape[2:])) for t in step.node.outputs]
    step.trace.axes[id(inner_input)] = [batch, *rest]
    step.keep_alive(inner_input)
    node = Node(
        inner, step.path, (inner_input,), {}, inner_outputs, step.node.call
    )
    outputs = find_rule(inner)(Step(step.trace, node))
    axes = outputs[0] if isinstance(outputs[0], list) else outputs
    return [axes[0], None, *axes[1:]]


# Their statistics depend on the kept channels, see `masked.py`.
_OVER_CHANNELS = {
    layers.LayerNormalization,
    layers.GroupNormalization,
    *layers_named("RMSNormalization"),
}
