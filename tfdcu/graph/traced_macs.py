"""Multiply-accumulates of any layer, from TensorFlow's graph of its call."""

import math

import tensorflow as tf
from keras import tree

from tfdcu.graph.execute import infer_node
from tfdcu.graph.graph import Tensor
from tfdcu.graph.keras_private import function_in
from tfdcu.graph.mac_terms import MacTerm

_SAME = ("Identity", "ReadVariableOp", "Cast", "Reshape", "StopGradient")
_LOOPS = (
    *("While", "StatelessWhile", "TensorListReserve", "XlaWhile", "PyFunc"),
    *("EagerPyFunc", "PyFuncStateless", "NumpyFunction"),
)


class CannotCount(ValueError):
    """Why the multiply-accumulates of a layer are not known."""


def traced_terms(node):
    """The multiply-accumulate terms of a layer whose inside is not known.

    Its `call` is run at inference on symbolic TensorFlow tensors, and the
    convolutions and matrix products in that graph are counted, those of
    weights alone excepted.

    Args:
        node: A `Node` of `read_graph`.

    Returns:
        List of `MacTerm`; unknown sizes count as one. Axes of the layer's own
        weights are sides of the terms.

    Raises:
        CannotCount: If the call cannot be traced, or has a loop.
    """
    given = node.inputs
    specs = [
        tf.TensorSpec([size or 1 for size in x.shape], x.dtype) for x in given
    ]

    def run(*values):
        values = iter(values)

        def fill(item):
            return next(values) if isinstance(item, Tensor) else item

        args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
        return infer_node(node, args, kwargs)

    try:
        function = tf.function(run, autograph=False)
        traced = function.get_concrete_function(*specs)
    except Exception as error:
        text = str(error).strip().split("\n")[0][:160]
        raise CannotCount(
            f"its `call` cannot be traced by TensorFlow: {text}"
        ) from error
    weights = {
        id(captured): variable
        for variable in getattr(node.op, "weights", ())
        for captured in [variable.value.handle]
    }
    sources = {
        inner.name: weights[id(outer)]
        for outer, inner in traced.graph.captures
        if id(outer) in weights
    }
    pairs = zip(traced.inputs, given)
    varying = {inner.name for inner, tensor in pairs if not tensor.constant}
    return _count_graph(traced.graph, sources, varying)


def _count_graph(graph, sources, varying):
    """The terms of a graph.

    Args:
        graph: A TensorFlow function's graph.
        sources: Dict from the name of a tensor to the weight that it is.
        varying: Set of names of the inputs that are not the same for all
            images; that of the tensors computed of them are added.
    """
    terms = []
    for op in graph.get_operations():
        if op.type in _LOOPS:
            raise CannotCount(f"it has a loop or Python code ({op.type})")
        if not any(value.name in varying for value in op.inputs):
            continue
        if op.type not in _OF_SHAPES:
            varying.update(value.name for value in op.outputs)
        if op.type.startswith("Assign"):
            # What the variable is read as from here on.
            varying.add(op.inputs[0].name)
        if op.type in ("PartitionedCall", "StatefulPartitionedCall"):
            called = graph, op.get_attr("f").name, op.inputs
            terms += _count_called(*called, sources, varying)
        elif op.type in ("If", "StatelessIf"):
            names = [op.get_attr(f"{side}_branch").name for side in _SIDES]
            both = [
                _count_called(graph, name, op.inputs[1:], {}, varying)
                for name in names
            ]
            terms += max(both, key=lambda side: sum(t.count() for t in side))
        elif op.type in _COUNTS:
            times = _COUNTS[op.type](op)
            terms.append(_term(op, times, sources))
    return terms


_SIDES = ("then", "else")
_OF_SHAPES = "OnesLike", "Shape", "ShapeN", "Size", "ZerosLike"


def _count_called(graph, name, given, sources, varying):
    function = function_in(graph, name)
    pairs = [(a.name, b.name) for a, b in zip(function.inputs, given)]
    return _count_graph(
        function,
        {inner: sources[outer] for inner, outer in pairs if outer in sources},
        {inner for inner, outer in pairs if outer in varying},
    )


def _term(op, count, sources):
    """A term with the axes of the layer's own weight, if it has one."""
    for value in op.inputs:
        while value.op.type in _SAME and value.op.inputs:
            if value.name in sources:
                break
            value = value.op.inputs[0]
        variable = sources.get(value.name)
        if variable is not None and math.prod(variable.shape):
            sides = tuple((variable, a) for a in range(len(variable.shape)))
            return MacTerm(count / math.prod(variable.shape), sides)
    return MacTerm(count, ())


def _size(tensor):
    shape = tensor.shape
    if shape.rank is None:
        raise CannotCount(f"{tensor.op.type} has an unknown shape")
    return math.prod(size or 1 for size in shape.as_list())


def _matmul(op):
    first = op.inputs[0].shape.as_list()
    turned = False
    for name in ("transpose_a", "adj_x"):
        if name in op.node_def.attr:
            turned = op.get_attr(name)
    summed = first[-2 if turned else -1] or 1
    return _size(op.outputs[0]) * summed


def _einsum(op):
    equation = op.get_attr("equation").decode()
    letters = {}
    for part, value in zip(equation.split("->")[0].split(","), op.inputs):
        shape = value.shape.as_list()
        if "..." in part:
            before, after = part.split("...")
            end = len(shape) - len(after)
            middle = shape[len(before) : end]
            for place, size in enumerate(middle[::-1]):
                letters[place] = max(letters.get(place, 1), size or 1)
            part, shape = before + after, shape[: len(before)] + shape[end:]
        for letter, size in zip(part, shape):
            letters[letter] = max(letters.get(letter, 1), size or 1)
    return math.prod(letters.values())


def _convolution(op):
    kernel = op.inputs[1].shape.as_list()
    return _size(op.outputs[0]) * math.prod(size or 1 for size in kernel[:-1])


def _depthwise(op):
    kernel = op.inputs[1].shape.as_list()
    return _size(op.outputs[0]) * math.prod(size or 1 for size in kernel[:-2])


def _transposed(op):
    kernel = op.inputs[1].shape.as_list()
    filters = kernel[-2] or 1
    return (
        _size(op.inputs[2]) * math.prod(x or 1 for x in kernel[:-2]) * (filters)
    )


_COUNTS = {
    "MatMul": _matmul,
    "BatchMatMul": _matmul,
    "BatchMatMulV2": _matmul,
    "BatchMatMulV3": _matmul,
    "Einsum": _einsum,
    "XlaEinsum": _einsum,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
}
