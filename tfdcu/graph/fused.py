"""A forward pass that reads and writes its features less often.

Keras computes BatchNormalization in small steps, each of which passes over
the features, and so does its gradient. The same function of the same weights
costs less: in training as one fused kernel, at inference as part of the layer
before it.
"""

import keras
import tensorflow as tf
from keras import layers
from keras import tree

from tfdcu.graph.execute import call_node
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import with_scaled_weights
from tfdcu.graph.graph import read_graph
from tfdcu.graph.parallel import in_parts

# Kernels of these end in the axis of their outputs' channels.
_FOLDABLE = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense)


class Forward(keras.layers.Layer):
    """A model as a layer: same weights, outputs and gradients, up to rounding.

    In training, BatchNormalization of feature maps is TensorFlow's fused
    operation. At inference it scales and shifts by constants; where it alone
    follows a convolution or a dense layer, that layer's kernel is scaled
    instead (Jacob et al. 2018, arXiv:1712.05877, section 3.2), and a batch is
    cut into parts where that is faster (`tfdcu/graph/parallel.py`). What does
    not fit, such as mixed precision, LoRA or a mask, runs as Keras runs it, and
    so does a model that cannot be taken apart. Fused kernels, with the
    activation after them, may take NaN for 0: outputs of images or weights that
    are not finite are made NaN.

    Args:
        model: A functional `keras.Model`; its weights are the layer's own.
    """

    def __init__(self, model):
        super().__init__(autocast=False, name=f"forward_{model.name}")
        self.model = model
        self.graph = _graph_of(model)
        self.norms = _norms_to_fold(self.graph) if self.graph else {}
        self.folded = {id(norm) for norm in self.norms.values()}
        self.apart = bool(self.graph) and _images_apart(self.graph)
        self.built = True

    def call(self, images, training=False):
        if self.graph is None:
            return self.model(images, training=training)
        run = self.in_training if training else self.at_inference

        def call(node, args, kwargs):
            # As in Keras, the whole pass decides, not a layer's own argument.
            if "training" in kwargs:
                kwargs = {**kwargs, "training": training}
            return run(node, args, kwargs)

        def walked(images):
            return execute(self.graph, images, call)

        cut = self.apart and not training
        outputs = in_parts(walked, images) if cut else walked(images)
        outputs = nan_where_broken(outputs, images, self.model.weights)
        return tree.pack_sequence_as(self.model.output, outputs)

    def in_training(self, node, args, kwargs):
        if _fuses(node.op, args, kwargs):
            return [fused(node.op, args[0])]
        return call_node(node, args, kwargs)

    def at_inference(self, node, args, kwargs):
        if id(node.op) in self.folded:
            return [args[0]]
        norm = self.norms.get(id(node))
        if norm is None:
            return call_node(node, args, kwargs)
        scale, shift = affine(norm)
        weights = [node.op.kernel] + [node.op.bias] * node.op.use_bias
        scales = [(weight, -1, scale) for weight in weights]
        # Such a call goes past the cast that Keras makes of inputs.
        args, kwargs = tree.map_structure(
            lambda value: tf.cast(value, node.op.compute_dtype), (args, kwargs)
        )
        (outputs,) = with_scaled_weights(node.op, scales, args, kwargs)
        return [tf.nn.bias_add(outputs, shift)]


def fused(norm, features):
    """What a BatchNormalization does in training, its memory moved as well.

    Args:
        norm: The layer.
        features: Float32 (batch, height, width, channels).

    Returns:
        Tensor of the same shape.
    """
    channels = features.shape[-1]
    nothing = tf.zeros((0,))
    outputs = tf.raw_ops.FusedBatchNormV3(
        x=features,
        scale=tf.ones(channels) if norm.gamma is None else norm.gamma.value,
        offset=tf.zeros(channels) if norm.beta is None else norm.beta.value,
        mean=nothing,
        variance=nothing,
        epsilon=norm.epsilon,
        is_training=True,
    )
    # TensorFlow divides by one place less, Keras does not.
    places = tf.cast(tf.size(features) // channels, tf.float32)
    variance = outputs.batch_variance * tf.maximum(places - 1.0, 1.0) / places
    for memory, value in (
        (norm.moving_mean, outputs.batch_mean),
        (norm.moving_variance, variance),
    ):
        kept = memory.value * norm.momentum
        memory.assign(kept + value * (1.0 - norm.momentum))
    return outputs.y


def affine(norm):
    """What a BatchNormalization does at inference: (scale, shift) a channel."""
    scale = tf.math.rsqrt(norm.moving_variance.value + norm.epsilon)
    if norm.gamma is not None:
        scale *= norm.gamma
    shift = -norm.moving_mean.value * scale
    return scale, shift if norm.beta is None else shift + norm.beta


def nan_where_broken(outputs, images, weights):
    """Outputs, but NaN for images that are not finite, or with such weights.

    Args:
        outputs: List of float tensors (batch, ...).
        images: Tensor (batch, height, width, channels).
        weights: List of variables.

    Returns:
        List of tensors of the same shapes.
    """
    # Sums of float16 would overflow.
    images = tf.cast(images, tf.float32)
    sums = tf.reduce_sum(images, range(1, len(images.shape)))
    finite = tf.math.is_finite(sums)
    for weight in weights:
        if weight.dtype.startswith(("float", "bfloat")):
            total = tf.cast(tf.reduce_sum(weight), tf.float32)
            finite &= tf.math.is_finite(total)

    def marked(output):
        places = tf.reshape(finite, [-1] + [1] * (len(output.shape) - 1))
        nan = tf.constant(float("nan"), output.dtype)
        return tf.where(places, output, nan)

    return [marked(output) for output in outputs]


def _graph_of(model):
    try:
        return read_graph(model)
    except ValueError:
        return None


def _norms_to_fold(graph):
    """Dict from the identity of a node to the layer that it can stand for."""
    norms = {}
    for node in graph.nodes:
        user = graph.only_user(node.outputs[0])
        if user is not None and _folds(node, user):
            norms[id(node)] = user.op
    # A layer that is called elsewhere too must be there.
    calls = [id(node.op) for node in graph.nodes]
    return {k: norm for k, norm in norms.items() if calls.count(id(norm)) == 1}


def _images_apart(graph):
    """Whether at inference no image depends on another, and no loss on any."""
    return all(tensor.shape[0] is None for tensor in graph.inputs) and all(
        _known(layer)
        for node in graph.nodes
        if isinstance(node.op, layers.Layer)
        for layer in node.op._flatten_layers()
    )


def _known(layer):
    """Whether a layer is Keras' own, adds no loss, and runs no foreign code."""
    return (
        type(layer).__module__.startswith("keras.")
        and not isinstance(
            layer, (layers.Lambda, layers.ActivityRegularization)
        )
        and getattr(layer, "activity_regularizer", None) is None
    )


def _fuses(op, args, kwargs):
    """Whether an operation is a BatchNormalization that can be fused."""
    return (
        _is_plain_norm(op, rank=4)
        and len(args[0].shape) == 4
        and args[0].dtype == tf.float32
        and op.trainable
        and not op.synchronized
        and not getattr(op, "renorm", False)
        and kwargs.get("mask") is None
        and getattr(args[0], "_keras_mask", None) is None
    )


def _folds(node, user):
    """Whether a layer can do the work of the BatchNormalization after it."""
    layer, rank = node.op, len(node.outputs[0].shape)
    return (
        type(layer) in _FOLDABLE
        and _is_plain_norm(user.op, rank)
        and layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and layer.compute_dtype == "float32"
        # What is added to its kernel, or stands for it, would not be scaled.
        and not layer.lora_enabled
        and layer.quantization_mode is None
    )


def _is_plain_norm(op, rank):
    """Whether an operation is BatchNormalization of channels, in float32."""
    return (
        type(op) is layers.BatchNormalization
        and op.axis in (-1, rank - 1)
        and op.compute_dtype == "float32"
    )
