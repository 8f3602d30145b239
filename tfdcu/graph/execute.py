"""Runs a flattened model operation by operation."""

import keras
from keras import ops
from keras import tree
from keras.layers import Layer

from tfdcu.graph.graph import Tensor
from tfdcu.graph.keras_private import mask_of
from tfdcu.graph.keras_private import set_mask


def call_node(node, args, kwargs):
    """Calls the operation of a node; returns the list of its outputs."""
    return tree.flatten(node.op(*args, **kwargs))


def infer_node(node, args, kwargs):
    """As `call_node`, at inference whatever the layer's own default is.

    Keras' random layers and `Resizing` would train, and a layer passes that
    on to those inside it.
    """
    if not isinstance(node.op, Layer):
        return call_node(node, args, kwargs)
    # Recurrent layers draw dropout masks that they do not use.
    with keras.StatelessScope():
        return call_node(node, args, {**kwargs, "training": False})


def execute(graph, inputs, call, before=None):
    """Runs the flattened graph.

    Args:
        graph: A `Graph`.
        inputs: The model's inputs, an array or a list.
        call: Function (node, args, kwargs) -> list of outputs.
        before: Function (node, tensor, value) -> value, applied to every
            input of every operation. Defaults to `None`: no change.

    Returns:
        List of outputs.
    """
    executor = Executor(graph, inputs)
    for node in graph.nodes:
        executor.advance(node, call, before)
    return [executor.values[id(tensor)] for tensor in graph.outputs]


def execute_part(graph, values, start, stop):
    """Runs some operations of the flattened graph.

    Args:
        graph: A `Graph`.
        values: List of the values of `tensors_between(graph, start)`.
        start: Number of the first node to run.
        stop: Number of the node to stop before.

    Returns:
        List of the values of `tensors_between(graph, stop)`.
    """
    part = Executor(graph, values, start)
    for node in graph.nodes[start:stop]:
        part.advance(node)
    return [part.values[id(t)] for t in tensors_between(graph, stop)]


def tensors_between(graph, index):
    """The tensors that must be known to go on from the node of this number."""
    known = list(graph.inputs)
    for node in graph.nodes[:index]:
        known += node.outputs
    used = {id(t) for node in graph.nodes[index:] for t in node.inputs}
    used |= {id(tensor) for tensor in graph.outputs}
    return [tensor for tensor in known if id(tensor) in used]


class Executor:
    """Runs a graph one operation at a time and frees values after use.

    Args:
        graph: A `Graph`.
        inputs: The model's inputs, an array or a list.
        start: Number of the first node, default 0; `inputs` are then the
            values of `tensors_between(graph, start)`.

    Attributes:
        values: Dict from `id(tensor)` to value, for `Tensor`s that are still
            needed and for the graph's outputs.
    """

    def __init__(self, graph, inputs, start=0):
        known = tensors_between(graph, start) if start else graph.inputs
        self.values = {
            id(tensor): ops.convert_to_tensor(value, tensor.dtype)
            for tensor, value in zip(known, tree.flatten(inputs), strict=True)
        }
        self.last_use = {
            id(tensor): node for node in graph.nodes for tensor in node.inputs
        }
        for tensor in graph.outputs:
            self.last_use[id(tensor)] = None

    def advance(self, node, call=infer_node, before=None):
        """Runs the next operation; arguments as in `execute`."""

        def fill(item):
            if not isinstance(item, Tensor):
                return item
            value = self.values[id(item)]
            if before is None:
                return value
            changed = before(node, item, value)
            mask = mask_of(value)
            if mask is not None:
                set_mask(changed, mask)
            return changed

        args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
        for tensor, value in zip(node.outputs, call(node, args, kwargs)):
            self.values[id(tensor)] = value
        for tensor in node.inputs:
            if self.last_use[id(tensor)] is node:
                self.values.pop(id(tensor), None)


def with_scaled_weights(layer, scales, args, kwargs):
    """Calls a layer at inference, its weights scaled along some axes.

    Args:
        layer: The layer, not changed.
        scales: List of (variable, axis, vector of factors).
        args: Arguments of the call.
        kwargs: Keyword arguments of the call.

    Returns:
        List of outputs.
    """
    factors = {}
    for variable, axis, vector in scales:
        view = [1] * len(variable.shape)
        view[axis] = -1
        vector = ops.reshape(ops.cast(vector, variable.dtype), view)
        factors[id(variable)] = factors.get(id(variable), 1.0) * vector

    scaled = [
        (variable, variable.value * factors[id(variable)])
        for variable in layer.variables
        if id(variable) in factors
    ]
    # Not `stateless_call`, which loses the masks of inputs and outputs.
    with keras.StatelessScope(scaled):
        return tree.flatten(layer(*args, **{**kwargs, "training": False}))
