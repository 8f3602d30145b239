"""BatchNormalization at inference, folded into the layers before it."""

import keras
import tensorflow as tf
from keras import layers
from keras import tree

from tfdcu.graph import read_graph
from tfdcu.running import run_nodes
from tfdcu.running import with_scaled_weights

# Kernels of these end in the axis of their outputs' channels.
_FOLDABLE = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense)


def folded(model):
    """A model as at inference, at less cost and with the same gradients.

    A BatchNormalization that alone follows a convolution or a dense layer
    scales and shifts its outputs by constants; scaling the kernel instead is
    the same function of the same weights (Jacob et al. 2018, arXiv:1712.05877,
    section 3.2) and saves two passes over the outputs, one of them backwards.

    Args:
        model: A functional `keras.Model`; it is not changed, and its weights
            may be trained by what is returned.

    Returns:
        Function from the model's inputs to what `model(inputs,
        training=False)` gives, up to rounding.
    """
    graph = read_graph(model)
    pairs = {}
    for node in graph.nodes:
        user = graph.only_user(node.outputs[0])
        if user is not None and _folds(node, user):
            pairs[id(node)] = user.op
            pairs[id(user)] = None

    def call(node, args, kwargs):
        norm = pairs.get(id(node), node)
        if norm is None:
            return [args[0]]
        if norm is node:
            return tree.flatten(node.op(*args, **kwargs))
        scale, shift = affine(norm)
        weights = [node.op.kernel] + [node.op.bias] * node.op.use_bias
        scales = [(weight, -1, scale) for weight in weights]
        (outputs,) = with_scaled_weights(node.op, scales, args, kwargs)
        return [tf.nn.bias_add(outputs, shift)]

    def run(inputs):
        outputs = run_nodes(graph, inputs, call)
        return tree.pack_sequence_as(model.output, outputs)

    return run


def affine(norm):
    """What a BatchNormalization does at inference: (scale, shift) a channel."""
    scale = tf.math.rsqrt(norm.moving_variance.value + norm.epsilon)
    if norm.gamma is not None:
        scale *= norm.gamma
    shift = -norm.moving_mean.value * scale
    return scale, shift if norm.beta is None else shift + norm.beta


def _folds(node, user):
    """Whether a layer can do the work of the BatchNormalization after it."""
    layer, norm = node.op, user.op
    if type(layer) not in _FOLDABLE or len(node.outputs) != 1:
        return False
    if type(norm) is not layers.BatchNormalization:
        return False
    rank = len(node.outputs[0].shape)
    return (
        layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and norm.axis in (-1, rank - 1)
        and layer.compute_dtype == norm.compute_dtype == "float32"
    )
