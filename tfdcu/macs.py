"""Multiply-accumulates of a model, layer by layer, for one image."""

from keras import layers

from tfdcu.graph import Tensor
from tfdcu.graph import read_graph
from tfdcu.products import Term
from tfdcu.products import dot
from tfdcu.products import einsum
from tfdcu.products import einsum_terms
from tfdcu.products import matmul
from tfdcu.products import size_of
from tfdcu.products import whole


def layer_macs(model):
    """Counts multiply-accumulates by layer, for one image.

    Convolutions (plain, grouped, depthwise, separable, transposed), dense and
    einsum layers, attention, recurrent layers and matrix products of
    `keras.ops` are counted, by the shapes of the graph; additions of biases,
    normalizations, activations and pooling are not, as is usual. A layer
    that is called twice counts twice.

    Args:
        model: A functional or sequential `keras.Model`. Sizes that are not
            known (`None`) count as one.

    Returns:
        Dict from layer path ("outer/inner" for nested ones) to int.

    Raises:
        ValueError: If the model cannot be taken apart.

    Example:

    >>> sum(layer_macs(keras.applications.VGG16(weights=None)).values())
    15470264320
    """
    macs = {}
    for node in read_graph(model).nodes:
        macs[node.path] = macs.get(node.path, 0) + node_macs(node)
    return macs


def total_macs(model):
    """Multiply-accumulates of the whole model for one image, an int."""
    return sum(layer_macs(model).values())


def node_macs(node):
    """Multiply-accumulates of one call, an int."""
    return int(round(sum(term.count() for term in terms(node))))


def terms(node):
    """The products that one call does.

    Args:
        node: A `Node` of `read_graph`.

    Returns:
        List of `Term`; empty for what costs no multiply-accumulates.
    """
    for kind in type(node.op).__mro__:
        if kind in _TERMS:
            return _TERMS[kind](node)
    return _OPS.get(type(node.op).__name__, _none)(node)


def _none(node):
    return []


def _positions(tensor, data_format):
    shape = tensor.shape or (None, None)
    first = data_format == "channels_first"
    return size_of(shape[2:] if first else shape[1:-1])


def _kernel(layer):
    """The stored kernel; LoRA or quantized layers expose another shape."""
    stored = getattr(layer, "_kernel", None)
    return layer.kernel if stored is None else stored


def _conv(node):
    times = _positions(node.outputs[0], node.op.data_format)
    return [whole(_kernel(node.op), times)]


def _conv_transpose(node):
    times = _positions(node.inputs[0], node.op.data_format)
    return [whole(_kernel(node.op), times)]


def _depthwise(node):
    times = _positions(node.outputs[0], node.op.data_format)
    return [whole(node.op.kernel, times)]


def _separable(node):
    times = _positions(node.outputs[0], node.op.data_format)
    kernels = node.op.depthwise_kernel, node.op.pointwise_kernel
    return [whole(kernel, times) for kernel in kernels]


def _dense(node):
    return [whole(_kernel(node.op), size_of(node.inputs[0].shape[1:-1]))]


def _einsum_dense(node):
    kernel, tensor = _kernel(node.op), node.inputs[0]
    shapes = tensor.shape, kernel.shape
    weights = tensor, kernel
    return einsum_terms(node.op.equation, shapes, weights)


def _attention_parts(node, names):
    """Query and value lengths, and kernels by part of an attention layer."""
    given = dict(zip(("query", "value", "key"), node.args))
    given.update(node.kwargs)
    query, value = given["query"], given["value"]
    times = size_of(query.shape[1:-1]), size_of(value.shape[1:-1])
    return times, [_kernel(getattr(node.op, name)) for name in names]


def _multi_head_attention(node):
    names = "_query_dense", "_key_dense", "_value_dense", "_output_dense"
    (queries, keys), kernels = _attention_parts(node, names)
    query, key, value, output = kernels
    pairs = queries * keys
    return [
        whole(query, queries),
        whole(key, keys),
        whole(value, keys),
        whole(output, queries),
        Term(pairs, ((query, 1), (query, 2))),
        Term(pairs, ((value, 1), (value, 2))),
    ]


def _grouped_query_attention(node):
    names = "_query_dense", "_key_dense", "_value_dense", "_output_dense"
    (queries, keys), kernels = _attention_parts(node, names)
    query, key, value, output = kernels
    pairs = 2 * queries * keys
    return [
        whole(query, queries),
        whole(key, keys),
        whole(value, keys),
        whole(output, queries),
        Term(pairs, ((query, 1), (query, 2))),
    ]


def _attention(node):
    query, value = node.inputs[:2]
    pairs = size_of(query.shape[1:-1]) * (value.shape[1] or 1)
    return [
        Term(pairs, ((query, len(query.shape) - 1),)),
        Term(pairs, ((value, len(value.shape) - 1),)),
    ]


def _recurrent(node):
    times = node.inputs[0].shape[1] or 1
    return [whole(w, times) for w in node.op.weights if len(w.shape) == 2]


def _time_distributed(node):
    inner = node.op.layer
    times = node.inputs[0].shape[1] or 1

    def slice_of(tensor):
        return Tensor((tensor.shape[0],) + tuple(tensor.shape[2:]))

    call = type(node)(
        inner,
        node.path,
        (slice_of(node.inputs[0]),),
        {},
        [slice_of(tensor) for tensor in node.outputs],
    )
    return [Term(times * term.times, term.sides) for term in terms(call)]


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
    layers.MultiHeadAttention: _multi_head_attention,
    layers.GroupQueryAttention: _grouped_query_attention,
    layers.Attention: _attention,
    layers.AdditiveAttention: _attention,
    layers.Dot: dot,
    layers.RNN: _recurrent,
    layers.Bidirectional: _recurrent,
    layers.TimeDistributed: _time_distributed,
}
_OPS = {"Matmul": matmul, "Dot": matmul, "Einsum": einsum}
