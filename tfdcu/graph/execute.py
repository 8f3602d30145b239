"""A flattened model run operation by operation, its layers as they are."""

from keras import ops
from keras import tree

from tfdcu.graph.graph import Tensor


def call_node(node, args, kwargs):
    """Outputs of a node, a list: its operation with these arguments."""
    return tree.flatten(node.op(*args, **kwargs))


def execute(graph, inputs, call, before=None):
    """Runs the flattened graph.

    Args:
        graph: A `Graph`.
        inputs: The model's inputs, an array or a list.
        call: Function (node, args, kwargs) -> list of outputs.
        before: Function (node, tensor, value) -> value, asked for every input
            of every operation. Defaults to `None`, which changes none.

    Returns:
        List of outputs.
    """
    walk = Executor(graph, inputs)
    for node in graph.nodes:
        walk.advance(node, call, before)
    return [walk.values[id(tensor)] for tensor in graph.outputs]


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
    """A graph run one operation at a time, forgetting what is used up.

    Args:
        graph: A `Graph`.
        inputs: The model's inputs, an array or a list.
        start: Number of the first node, default 0; `inputs` are then the
            values of `tensors_between(graph, start)`.

    Attributes:
        values: Dict from the identity of a `Tensor` to its value, of those
            that are still needed and of the graph's outputs.
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

    def inputs_of(self, node):
        """The values that an operation is about to be called with."""
        return [self.values[id(tensor)] for tensor in node.inputs]

    def advance(self, node, call=call_node, before=None):
        """Runs the next operation; arguments as in `execute`."""

        def fill(item):
            if not isinstance(item, Tensor):
                return item
            value = self.values[id(item)]
            if before is None:
                return value
            changed = before(node, item, value)
            mask = getattr(value, "_keras_mask", None)
            if mask is not None:
                changed._keras_mask = mask
            return changed

        args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
        for tensor, value in zip(node.outputs, call(node, args, kwargs)):
            self.values[id(tensor)] = value
        for tensor in node.inputs:
            if self.last_use[id(tensor)] is node:
                self.values.pop(id(tensor), None)


def with_scaled_weights(layer, scales, args, kwargs):
    """Calls a layer as if its weights were scaled along some axes.

    Args:
        layer: The live layer, left as it is.
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

    def scaled(variables):
        return [
            v.value * factors[id(v)] if id(v) in factors else v.value
            for v in variables
        ]

    # A variable may be frozen where its layer is not.
    trainable = scaled(layer.trainable_variables)
    others = scaled(layer.non_trainable_variables)
    outputs, _ = layer.stateless_call(trainable, others, *args, **kwargs)
    return tree.flatten(outputs)
