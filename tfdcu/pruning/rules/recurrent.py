"""Pruning rules for recurrent layers: units, gate by gate.

A unit is a column of every gate in kernel, recurrent kernel and bias, and the
row of the recurrent kernel that reads its state. Without that row no other
unit sees the state, at any step: whatever the activations, the rest computes
the same.
"""

import numpy as np
from keras import layers
from keras import tree

from tfdcu.graph.graph import Tensor
from tfdcu.pruning.rules.registry import activate
from tfdcu.pruning.rules.registry import channel_axis
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import fix_rest
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable

_CONVOLUTIONS = layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D
# States of a cell by its class; the cell of ConvLSTM has no public name.
_STATES = {
    layers.LSTMCell: 2,
    layers.GRUCell: 1,
    layers.SimpleRNNCell: 1,
}


@register_rule(
    layers.LSTM, layers.GRU, layers.SimpleRNN, layers.RNN, *_CONVOLUTIONS
)
def recurrent(step):
    """Prunes the units of each cell; initial states are tied to them."""
    why = _why_not(step.op)
    if why:
        return unprunable(step, why)
    sequences, initial = _arguments(step)
    out, states = _direction(step, step.op, sequences, initial, "")
    return [out, *states] if step.op.return_state else out


@register_rule(layers.Bidirectional)
def bidirectional(step):
    """Prunes as many units in both directions, which Keras has equally wide.

    Where outputs are concatenated each direction has units of its own: the
    weakest of one goes with the weakest of the other.
    """
    op = step.op
    both = op.forward_layer, op.backward_layer
    why = next(filter(None, map(_why_not, both)), None)
    if not why and op.merge_mode == "concat" and _channel(both[0]) != -1:
        why = "it concatenates an axis that is not the channels"
    if not why and _sizes(both[0]) != _sizes(both[1]):
        why = "its directions have different units"
    if why:
        return unprunable(step, why)
    sequences, initial = _arguments(step)
    half = len(initial) // 2
    ahead, ahead_states = _direction(
        step, both[0], sequences, initial[:half], "layer"
    )
    back, back_states = _direction(
        step, both[1], sequences, initial[half:], "backward_layer"
    )
    apart = op.merge_mode == "concat"
    for number, cells in enumerate(zip(*map(_cells, both))):
        first, second = (
            _units(step, layer, number, cell)
            for layer, cell in zip(both, cells)
        )
        if apart:
            first, second = (
                units[np.argsort(_strength(cell), kind="stable")]
                for units, cell in zip((first, second), cells)
            )
        step.tie(first, second)
    outputs = [ahead]
    if op.merge_mode == "concat":
        outputs = [[*ahead[:-1], np.concatenate([ahead[-1], back[-1]])]]
    elif op.merge_mode is None:
        outputs = [ahead, back]
    if op.return_state:
        outputs += ahead_states + back_states
    return outputs


def _why_not(layer):
    """Why the units of a layer cannot be removed, or `None`."""
    if not isinstance(layer, layers.RNN):
        return f"it holds a {type(layer).__name__}"
    if layer.stateful:
        return "it is stateful: its states stay from batch to batch"
    for cell in _cells(layer):
        inside = type(layer) in _CONVOLUTIONS
        if type(cell) not in _STATES and not inside:
            return f"its cell {type(cell).__name__} is custom"
    return None


def _cells(layer):
    return getattr(layer.cell, "cells", [layer.cell])


def _size(cell):
    return cell.units if hasattr(cell, "units") else cell.filters


def _sizes(layer):
    return [_size(cell) for cell in _cells(layer)]


def _units(step, layer, number, cell):
    return step.new((id(layer), number), _size(cell))


def _arguments(step):
    """The sequences, and the list of initial states, if they are given."""
    names = "sequences", "initial_state"
    given = dict(zip(names, step.node.args)) | step.node.kwargs
    initial = tree.flatten(given.get("initial_state"))
    return given["sequences"], [x for x in initial if x is not None]


def _channel(layer):
    """Channel axis of a state."""
    return channel_axis(layer.cell)


def _direction(step, layer, sequences, initial, key):
    """Labels of a layer's output and of its states.

    Args:
        step: The `Step`, whose operation is the layer or holds it.
        layer: The recurrent layer.
        sequences: The `Tensor` (batch, steps, ..., channels).
        initial: List of its initial states, perhaps empty.
        key: Entry of the config that holds the layer, "" if it is its own.

    Returns:
        (list of labels, list of such lists).
    """
    axes = step.axes(sequences)
    channel = _channel(layer)
    place = (channel + (channel > 0)) % len(axes)
    rest = [axis for axis in range(1, len(axes)) if axis != place]
    axes = fix_axes(step, axes, rest)
    states = []
    fix_rest(step, [sequences, *_tensors(step)])
    labels = axes[place]
    for number, cell in enumerate(_cells(layer)):
        units = _units(step, layer, number, cell)
        _cell(step, cell, labels, units, "state" if number else "in")
        _declare(step, layer, key, number, units)
        # (batch, units), or with positions between or after.
        state = [axes[0], *[None] * (len(axes) - 2)]
        state[channel] = units
        states += [state] * _STATES.get(type(cell), 2)
        labels = units
    for given, state in zip(initial, states):
        given_axes = step.axes(given)
        step.tie(given_axes[channel], state[channel])
        given_axes[channel] = None
        fix_axes(step, given_axes, range(1, len(given_axes)))
    out = list(states[-1])
    if layer.return_sequences:
        out.insert(1, None)
    return out, states


def _tensors(step):
    """The initial states among the inputs."""
    return [x for x in _arguments(step)[1] if isinstance(x, Tensor)]


def _cell(step, cell, inputs, units, role):
    """Kernels (..., in, gates * units), bias (..., gates * units)."""
    gates = np.tile(units, cell.kernel.shape[-1] // len(units))
    step.weight(cell.recurrent_kernel, -2, units, "state")
    step.weight(cell.kernel, -2, inputs, role)
    for weight in (cell.kernel, cell.recurrent_kernel, cell.bias):
        step.weight(weight, -1, gates)
    for name in ("activation", "recurrent_activation"):
        activate(step, [units], getattr(cell, name, None))


def _declare(step, layer, key, number, units):
    """Registers the number of units in the config of the layer's cell."""

    def change(config, count):
        config = config[key]["config"] if key else config
        if type(layer) is layers.RNN:
            config = config["cell"]["config"]
        if "cells" in config:
            config = config["cells"][number]["config"]
        size = "units" if "units" in config else "filters"
        config[size] = count(units)

    step.edit(("units", key, number), [units], change)


def _strength(cell):
    """Norm of the weights that produce each unit."""
    squares = [
        np.square(np.asarray(kernel, "float32")).reshape(-1, _size(cell)).sum(0)
        for kernel in (cell.kernel, cell.recurrent_kernel)
    ]
    return np.sqrt(sum(squares))
