"""A flattened model run operation by operation, its layers as they are."""

from keras import ops
from keras import tree

from tfdcu.graph import Tensor


def run_nodes(graph, inputs, call, before=None):
    """Runs the flattened graph.

    Args:
        graph: A `Graph`.
        inputs: The model's inputs, an array or a list.
        call: Function (node, args, kwargs) -> list of outputs.
        before: Function (tensor, value) -> value, asked for every input of
            every operation. Defaults to `None`, which changes none.

    Returns:
        List of outputs.
    """
    inputs = tree.flatten(inputs)
    values = {
        id(tensor): ops.convert_to_tensor(value)
        for tensor, value in zip(graph.inputs, inputs)
    }

    def fill(item):
        if isinstance(item, Tensor):
            value = values[id(item)]
            if before is None:
                return value
            changed = before(item, value)
            mask = getattr(value, "_keras_mask", None)
            if mask is not None:
                changed._keras_mask = mask
            return changed
        return item

    for node in graph.nodes:
        args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
        for tensor, value in zip(node.outputs, call(node, args, kwargs)):
            values[id(tensor)] = value
    return [values[id(tensor)] for tensor in graph.outputs]


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
        return [v.value * factors.get(id(v), 1.0) for v in variables]

    trainable = scaled(layer.trainable_variables)
    others = [v.value for v in layer.non_trainable_variables]
    if not layer.trainable:
        others = scaled(layer.non_trainable_variables)
    outputs, _ = layer.stateless_call(trainable, others, *args, **kwargs)
    return tree.flatten(outputs)
