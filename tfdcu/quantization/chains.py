"""What LiteRT computes in one operator: a kernel, its norm, its ReLU."""

from dataclasses import dataclass

import keras
from keras import layers

from tfdcu.graph.keras_private import is_of_keras_ops
from tfdcu.quantization.fold import is_affine
from tfdcu.quantization.layers import QuantizedConv2D
from tfdcu.quantization.layers import QuantizedDense
from tfdcu.quantization.layers import QuantizedDepthwiseConv2D

KERNELS = {
    layers.Conv2D: QuantizedConv2D,
    layers.DepthwiseConv2D: QuantizedDepthwiseConv2D,
    layers.Dense: QuantizedDense,
}
# Their outputs are on the grid of their inputs.
_KEEP_GRID = (
    layers.MaxPooling2D,
    layers.GlobalMaxPooling2D,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.Identity,
)
# Their outputs are rounded to the grid of their inputs.
_SHARE_GRID = (layers.AveragePooling2D, layers.UpSampling2D)
_FUSE_RELU = (layers.Add, layers.Subtract, layers.Multiply)
_RELUS = {keras.activations.relu: "relu", keras.activations.relu6: "relu6"}
# Ranges that LiteRT demands of outputs.
_FIXED = {
    keras.activations.sigmoid: (0.0, 255 / 256),
    keras.activations.softmax: (0.0, 255 / 256),
    keras.activations.tanh: (-1.0, 127 / 128),
}


@dataclass(eq=False)
class Chain:
    """Nodes that become one operator.

    Attributes:
        first: The `Node` it begins with.
        norm: The `BatchNormalization` after a kernel, to be folded, or `None`.
        relu: `"relu"`, `"relu6"` or `None`.
        last: The `Node` that gives the result.
    """

    first: object
    norm: object
    relu: str | None
    last: object


def chain_from(graph, node):
    """The `Chain` that begins with a node of a `Graph`."""
    norm, relu, last = None, None, node
    own = activation_of(node.op)
    if has_kernel(node) and own is None:
        norm = norm_after(graph, node)
        last = norm or node
    if has_kernel(node) and own is not None:
        relu = _RELUS.get(own)
    elif has_kernel(node) or becomes_depthwise(node) or is_sum(node):
        user = graph.only_user(last.outputs[0])
        if user is not None and relu_of(user.op):
            relu, last = relu_of(user.op), user
    return Chain(node, norm, relu, last)


def norm_after(graph, node):
    """The `BatchNormalization` to fold into a kernel, a `Node` or `None`."""
    user = graph.only_user(node.outputs[0])
    if user is None or type(user.op) is not layers.BatchNormalization:
        return None
    once = calls(graph, user) == calls(graph, node) == 1
    return user if once and is_affine(user) else None


def calls(graph, node):
    """How often the operation of a node is called in its graph."""
    return sum(other.op is node.op for other in graph.nodes)


def has_kernel(node):
    """Whether the kernel of a node's layer can be quantized."""
    op = node.op
    return (
        type(op) in KERNELS
        and getattr(op, "data_format", "channels_last") == "channels_last"
        and not getattr(op, "lora_enabled", False)
        and getattr(op, "quantization_mode", None) is None
    )


def becomes_depthwise(node):
    """Whether a node scales and shifts channels, as a 1x1 kernel can."""
    return is_affine(node) and len(node.outputs[0].shape) == 4


def is_sum(node):
    """Whether a node combines tensors element by element."""
    names = ("Add", "Subtract", "Multiply")
    return type(node.op) in _FUSE_RELU or (
        is_of_keras_ops(type(node.op)) and type(node.op).__name__ in names
    )


def activation_of(op):
    """The activation of a layer, `None` if it has none."""
    function = getattr(op, "activation", None)
    return None if function is keras.activations.linear else function


def relu_of(op):
    """`"relu"` or `"relu6"` for a layer that computes just this, or `None`."""
    if type(op) is layers.ReLU:
        if op.negative_slope or op.threshold:
            return None
        return {None: "relu", 6.0: "relu6"}.get(op.max_value)
    if type(op) is layers.Activation:
        return _RELUS.get(op.activation)
    return None


def is_silu(op):
    """Whether an operation of its own is x * sigmoid(x)."""
    if type(op) is layers.Activation:
        return op.activation is keras.activations.silu
    return is_of_keras_ops(type(op)) and type(op).__name__ == "Silu"


def fixed_range(op):
    """The range of an operation's outputs that LiteRT demands, or `None`.

    It is for layers that end in their activation: in others, such as recurrent
    ones or those of the user, it may be followed by more.
    """
    if type(op) is layers.Softmax:
        return _FIXED[keras.activations.softmax]
    if type(op) is layers.Activation or type(op) in KERNELS:
        return _FIXED.get(op.activation)
    return None


def meets_others(graph, tensor):
    """Whether LiteRT rounds a tensor to the grid of a concatenation alone."""
    user = graph.only_user(tensor)
    return user is not None and type(user.op).__name__ == "Concatenate"


def keeps_grid(op):
    """Whether the outputs are values that the inputs have, too."""
    # Linear ones tell what the output answers, as `graph/ends.py` says.
    linear = type(op) is layers.Activation and activation_of(op) is None
    # Subclasses may compute something else.
    return linear or type(op) in _KEEP_GRID


def shares_grid(op):
    """Whether LiteRT rounds the outputs to the grid of the inputs."""
    return type(op) in _SHARE_GRID


def float_kernels(graph):
    """Names of the layers with kernels that stay float, in order, once."""
    return list(
        dict.fromkeys(
            node.path
            for node in graph.nodes
            if any(len(w.shape) > 1 for w in getattr(node.op, "weights", ()))
            and not (
                has_kernel(node) and activation_of(node.op) in (None, *_RELUS)
            )
        )
    )
