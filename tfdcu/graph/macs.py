"""Counts multiply-accumulates of a model, layer by layer."""

from dataclasses import replace

from keras import layers

from tfdcu.graph.graph import Tensor
from tfdcu.graph.graph import read_graph
from tfdcu.graph.keras_private import is_of_keras_ops
from tfdcu.graph.keras_private import projections
from tfdcu.graph.keras_private import stored_weight
from tfdcu.graph.mac_terms import MacTerm
from tfdcu.graph.mac_terms import all_of
from tfdcu.graph.mac_terms import attention
from tfdcu.graph.mac_terms import convolution
from tfdcu.graph.mac_terms import dot
from tfdcu.graph.mac_terms import einsum
from tfdcu.graph.mac_terms import einsum_terms
from tfdcu.graph.mac_terms import matmul
from tfdcu.graph.mac_terms import num_elements
from tfdcu.graph.mac_terms import positions
from tfdcu.graph.mac_terms import tensordot
from tfdcu.graph.open_model import open_model
from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter
from tfdcu.graph.parse import is_model
from tfdcu.graph.traced_macs import CannotCount
from tfdcu.graph.traced_macs import traced_terms


def layer_macs(model):
    """Counts multiply-accumulates by layer, for one image.

    Counted are convolutions (plain, grouped, depthwise, separable,
    transposed), dense and einsum layers, attention, recurrent layers, layers
    inside wrappers, and matrix products, convolutions and attention of
    `keras.ops`. Biases, normalizations, activations and pooling are not, as
    in published tables. A layer that is called twice counts twice. What is
    computed of weights alone is not counted: a file stores the result. Custom
    layers are opened (`open_model`), or counted by TensorFlow's graph of
    their call at inference.

    Args:
        model: A built `keras.Model`. Unknown sizes (`None`) count as one.

    Returns:
        Dict from layer path ("outer/inner" for nested ones) to int, or `None`
        for a layer that cannot be counted.

    Raises:
        ValueError: If the model cannot be taken apart.

    Example:

    >>> sum(layer_macs(keras.applications.VGG16(weights=None)).values())
    15470264320
    """
    return macs_by_path(read_graph(open_model(model).model))


def macs_by_path(graph):
    """As `layer_macs`, of a `Graph`."""
    macs = {}
    for node in graph.nodes:
        parts = macs.get(node.path, 0), node_macs(node)
        macs[node.path] = None if None in parts else sum(parts)
    return macs


def total_macs(model):
    """Multiply-accumulates of the whole model for one image.

    Returns:
        An int, or `None` if a layer cannot be counted.
    """
    macs = layer_macs(model).values()
    return None if None in macs else sum(macs)


def node_macs(node):
    """Multiply-accumulates of one call: an int, or `None` if not known."""
    try:
        return int(round(sum(term.count() for term in terms(node))))
    except CannotCount:
        return None


def terms(node):
    """The multiply-accumulate terms of one call.

    Args:
        node: A `Node` of `read_graph`.

    Returns:
        List of `MacTerm`; empty if there are none to count.

    Raises:
        CannotCount: If the operation cannot be counted.
    """
    if all(tensor.constant for tensor in node.inputs):
        return []
    rows = max((tensor.rows for tensor in node.inputs), default=1)
    found = _terms_of_a_row(node)
    return [replace(term, times=rows * term.times) for term in found]


def _terms_of_a_row(node):
    kind = type(node.op)
    if is_of_keras_ops(kind):
        if kind.__name__ in _OPS:
            return _OPS[kind.__name__](node)
        return traced_terms(node) if kind.__name__ in _TRACED_OPS else []
    if not kind.__module__.startswith("keras."):
        # What a subclass of a layer of Keras computes is its own affair.
        return [] if kind in (Parameter, OnePerImage) else traced_terms(node)
    for parent in kind.__mro__:
        if parent in _TERMS:
            return _TERMS[parent](node)
    return traced_terms(node) if kind in _TRACED else []


def _conv(node):
    times = positions(node.outputs[0], node.op.data_format)
    return [all_of(stored_weight(node.op), times)]


def _conv_transpose(node):
    times = positions(node.inputs[0], node.op.data_format)
    return [all_of(stored_weight(node.op), times)]


def _depthwise(node):
    times = positions(node.outputs[0], node.op.data_format)
    return [all_of(node.op.kernel, times)]


def _separable(node):
    times = positions(node.outputs[0], node.op.data_format)
    kernels = node.op.depthwise_kernel, node.op.pointwise_kernel
    return [all_of(kernel, times) for kernel in kernels]


def _dense(node):
    tensor = node.inputs[0]
    # Axes before the last may be channels of another layer.
    places = tuple((tensor, axis) for axis in range(1, len(tensor.shape) - 1))
    return [MacTerm(1, places + all_of(stored_weight(node.op), 1).sides)]


def _einsum_dense(node):
    operands = node.inputs[0], stored_weight(node.op)
    return einsum_terms(node.op.equation, operands)


def _projected_attention(node):
    """Projections and attention scores, with or without grouped queries."""
    op = node.op
    tensors = dict(zip(("query", "value"), node.args)) | node.kwargs
    query, value = tensors["query"].shape, tensors["value"].shape
    queries, keys = num_elements(query[1:-1]), num_elements(value[1:-1])
    axes = getattr(op, "attention_axes", (1,))
    pairs = queries * num_elements([value[axis] for axis in axes])
    kernels = {
        name: stored_weight(dense) for name, dense in projections(op).items()
    }
    query, output = kernels["query"], kernels["output"]
    gate = [kernels["gate"]] if "gate" in kernels else []
    return [
        *(all_of(kernel, queries) for kernel in gate),
        all_of(query, queries),
        all_of(kernels["key"], keys),
        all_of(kernels["value"], keys),
        all_of(output, queries),
        MacTerm(pairs, ((query, 1), (query, 2))),
        MacTerm(pairs, ((output, 0), (output, 1))),
    ]


def _attention(node):
    query, value = node.inputs[:2]
    pairs = num_elements(query.shape[1:-1]) * (value.shape[1] or 1)
    return [
        MacTerm(pairs, ((query, len(query.shape) - 1),)),
        MacTerm(pairs, ((value, len(value.shape) - 1),)),
    ]


def _recurrent(node):
    """Matrices once per step; a GRU's bias is a matrix too, but no kernel."""
    cells = getattr(node.op.cell, "cells", [node.op.cell])
    for cell in cells:
        if not type(cell).__module__.startswith("keras."):
            raise CannotCount(f"its cell {type(cell).__name__} is custom")
    times = node.inputs[0].shape[1] or 1
    weights = [w for w in node.op.weights if w.name != "bias"]
    return [all_of(w, times) for w in weights if len(w.shape) == 2]


def _recurrent_convolution(node):
    """Both kernels at each position of the state, once per step."""
    cell, (batch, steps, *step) = node.op.cell, node.inputs[0].shape
    state = Tensor(cell.compute_output_shape((batch, *step))[0])
    times = (steps or 1) * positions(state, cell.data_format)
    kernels = cell.kernel, cell.recurrent_kernel
    return [all_of(kernel, times) for kernel in kernels]


def _bidirectional(node):
    directions = node.op.forward_layer, node.op.backward_layer
    return [term for layer in directions for term in _within(node, layer)]


def _wrapped(node):
    return _within(node, node.op.layer)


def _within(node, layer):
    """The terms of a layer or model inside another layer."""
    if is_model(layer):
        return [t for inner in read_graph(layer).nodes for t in terms(inner)]
    return _terms_of_a_row(replace(node, op=layer))


def _time_distributed(node):
    """The terms of one step times the steps; steps lack the second axis."""
    tensors = [node.inputs[0], *node.outputs]
    parts = [Tensor((t.shape[0], *t.shape[2:])) for t in tensors]
    of = {id(part): tensor for part, tensor in zip(parts, tensors)}
    step = replace(node, args=(parts[0],), kwargs={}, outputs=parts[1:])
    times = tensors[0].shape[1] or 1
    return [
        MacTerm(
            times * term.times,
            tuple((of.get(id(h), h), a + (id(h) in of)) for h, a in term.sides),
        )
        for term in _wrapped(step)
    ]


_CONVOLUTIONS = layers.Conv1D, layers.Conv2D, layers.Conv3D
_TRANSPOSED = (
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
)

_TERMS = {
    **dict.fromkeys(_CONVOLUTIONS, _conv),
    **dict.fromkeys(_TRANSPOSED, _conv_transpose),
    layers.DepthwiseConv1D: _depthwise,
    layers.DepthwiseConv2D: _depthwise,
    layers.SeparableConv1D: _separable,
    layers.SeparableConv2D: _separable,
    layers.Dense: _dense,
    layers.EinsumDense: _einsum_dense,
    layers.MultiHeadAttention: _projected_attention,
    layers.GroupQueryAttention: _projected_attention,
    layers.Attention: _attention,
    layers.AdditiveAttention: _attention,
    layers.Dot: dot,
    layers.RNN: _recurrent,
    layers.ConvLSTM1D: _recurrent_convolution,
    layers.ConvLSTM2D: _recurrent_convolution,
    layers.ConvLSTM3D: _recurrent_convolution,
    layers.Bidirectional: _bidirectional,
    layers.TimeDistributed: _time_distributed,
    layers.Wrapper: _wrapped,
}
# Layers and operations that are counted in TensorFlow's graph; those that are
# named nowhere have no multiply-accumulates to count.
_TRACED = [
    getattr(layers, name, None)
    for name in (
        *("Lambda", "MelSpectrogram"),
        *("ReversibleEmbedding", "STFTSpectrogram"),
    )
]
_TRACED_OPS = """
AssociativeScan CDist Cond Convolve Correlate ForiLoop GaussianBlur Inner Kron
Map Outer Scan Switch Vdot VectorizedMap Vecdot WhileLoop
""".split()
_OPS = {
    "Matmul": matmul,
    "Dot": matmul,
    "Einsum": einsum,
    "Tensordot": tensordot,
    "Conv": convolution,
    "DepthwiseConv": convolution,
    "SeparableConv": convolution,
    "ConvTranspose": convolution,
    "DotProductAttention": attention,
}
