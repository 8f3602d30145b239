"""`Forward`: a faster forward pass with fused or folded BatchNormalization.

Keras computes BatchNormalization and its gradient in several passes over the
features. Here it is one fused kernel in training, and part of the preceding
layer's kernel in inference.
"""

import keras
import tensorflow as tf
from keras import layers
from keras import tree

from tfdcu.graph.execute import call_node
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import with_scaled_weights
from tfdcu.graph.graph import read_graph
from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.keras_private import mask_of
from tfdcu.graph.parallel import in_parts

# The last axis of their kernels is the output channels.
_FOLDABLE = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense)


class Forward(keras.layers.Layer):
    """A model as a layer: same weights, outputs and gradients, up to rounding.

    In training, BatchNormalization of feature maps runs as TensorFlow's fused
    operation. In inference it scales and shifts by constants; if it is the
    only consumer of a convolution or dense layer, that layer's kernel is
    scaled instead (Jacob et al. 2018, arXiv:1712.05877, section 3.2), and a
    batch is split into parts where that is faster
    (`tfdcu/graph/parallel.py`). Mixed precision, LoRA, masks and other
    unsupported cases run in Keras, and so does a model that cannot be taken
    apart. Fused kernels, with the activation after them, may turn NaN into 0,
    so outputs are set to NaN for images or weights that are not finite.

    Args:
        model: A functional `keras.Model`, whose weights the layer shares.
    """

    def __init__(self, model):
        super().__init__(autocast=False, name=f"forward_{model.name}")
        self.model = model
        self.graph = _graph_of(model)
        self.norms = _norms_to_fold(self.graph) if self.graph else {}
        self.folded = {id(norm) for norm in self.norms.values()}
        self.can_split = bool(self.graph) and _images_are_independent(
            self.graph
        )
        self.built = True

    def call(self, images, training=False):
        if self.graph is None:
            return self.model(images, training=training)
        given = self.model.inputs[0]
        if len(self.model.inputs) == 1 and given.dtype.startswith("int"):
            # Token ids, which come as floats with others.
            images = tf.cast(images, given.dtype)
        run = self.in_training if training else self.at_inference

        def call(node, args, kwargs):
            # As in Keras, the argument of the whole pass wins.
            if "training" in kwargs:
                kwargs = {**kwargs, "training": training}
            return run(node, args, kwargs)

        def run_graph(images):
            return execute(self.graph, images, call)

        split = self.can_split and not training
        outputs = in_parts(run_graph, images) if split else run_graph(images)
        outputs = nan_where_not_finite(outputs, images, self.model.weights)
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
        # This call skips the cast that Keras applies to inputs.
        args, kwargs = tree.map_structure(
            lambda value: tf.cast(value, node.op.compute_dtype), (args, kwargs)
        )
        (outputs,) = with_scaled_weights(node.op, scales, args, kwargs)
        return [tf.nn.bias_add(outputs, shift)]


def fused(norm, features):
    """BatchNormalization in training mode; updates the moving statistics.

    Args:
        norm: The layer.
        features: Float32 (batch, height, width, channels).

    Returns:
        Tensor of the same shape.
    """
    channels = features.shape[-1]
    empty = tf.zeros((0,))
    outputs = tf.raw_ops.FusedBatchNormV3(
        x=features,
        scale=tf.ones(channels) if norm.gamma is None else norm.gamma.value,
        offset=tf.zeros(channels) if norm.beta is None else norm.beta.value,
        mean=empty,
        variance=empty,
        epsilon=norm.epsilon,
        is_training=True,
    )
    # TensorFlow's variance is divided by n - 1, that of Keras by n.
    count = tf.cast(tf.size(features) // channels, tf.float32)
    variance = outputs.batch_variance * tf.maximum(count - 1.0, 1.0) / count
    for moving, value in (
        (norm.moving_mean, outputs.batch_mean),
        (norm.moving_variance, variance),
    ):
        old = moving.value * norm.momentum
        moving.assign(old + value * (1.0 - norm.momentum))
    return outputs.y


def affine(norm):
    """BatchNormalization in inference mode as (scale, shift) by channel."""
    scale = tf.math.rsqrt(norm.moving_variance.value + norm.epsilon)
    if norm.gamma is not None:
        scale *= norm.gamma
    shift = -norm.moving_mean.value * scale
    return scale, shift if norm.beta is None else shift + norm.beta


def nan_where_not_finite(outputs, images, weights):
    """Sets outputs to NaN where the image or any weight is not finite.

    Args:
        outputs: List of float tensors (batch, ...).
        images: Tensor (batch, height, width, channels).
        weights: List of variables.

    Returns:
        List of tensors of the same shapes.
    """
    # A sum in float16 would overflow.
    images = tf.cast(images, tf.float32)
    sums = tf.reduce_sum(images, range(1, len(images.shape)))
    finite = tf.math.is_finite(sums)
    for weight in weights:
        if weight.dtype.startswith(("float", "bfloat")):
            total = tf.cast(tf.reduce_sum(weight), tf.float32)
            finite &= tf.math.is_finite(total)

    def mark(output):
        mask = tf.reshape(finite, [-1] + [1] * (len(output.shape) - 1))
        nan = tf.constant(float("nan"), output.dtype)
        return tf.where(mask, output, nan)

    return [mark(output) for output in outputs]


def _graph_of(model):
    try:
        return read_graph(model)
    except ValueError:
        return None


def _norms_to_fold(graph):
    """Dict from `id(node)` to the BatchNormalization to fold into it."""
    norms = {}
    for node in graph.nodes:
        user = graph.only_user(node.outputs[0])
        if user is not None and _folds(node, user):
            norms[id(node)] = user.op
    # A layer that is called more than once cannot be folded.
    calls = [id(node.op) for node in graph.nodes]
    return {k: norm for k, norm in norms.items() if calls.count(id(norm)) == 1}


def _images_are_independent(graph):
    """Whether images are independent in inference, and no loss is added."""
    return all(tensor.shape[0] is None for tensor in graph.inputs) and all(
        _is_plain_keras(layer)
        for node in graph.nodes
        if isinstance(node.op, layers.Layer)
        for layer in all_layers(node.op)
    )


def _is_plain_keras(layer):
    """Whether it is a Keras layer that adds no loss and runs no user code."""
    return (
        type(layer).__module__.startswith("keras.")
        and not isinstance(
            layer, (layers.Lambda, layers.ActivityRegularization)
        )
        and getattr(layer, "activity_regularizer", None) is None
    )


def _fuses(op, args, kwargs):
    """Whether a call is a BatchNormalization that can be fused."""
    return (
        _is_plain_norm(op, rank=4)
        and len(args[0].shape) == 4
        and args[0].dtype == tf.float32
        and op.trainable
        and not op.synchronized
        and not getattr(op, "renorm", False)
        and kwargs.get("mask") is None
        and mask_of(args[0]) is None
    )


def _folds(node, user):
    """Whether a layer can absorb the BatchNormalization after it."""
    layer, rank = node.op, len(node.outputs[0].shape)
    return (
        type(layer) in _FOLDABLE
        and _is_plain_norm(user.op, rank)
        and layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and layer.compute_dtype == "float32"
        # LoRA weights and quantized kernels would not be scaled.
        and not layer.lora_enabled
        and layer.quantization_mode is None
    )


def _is_plain_norm(op, rank):
    """Whether an operation is BatchNormalization over channels in float32."""
    return (
        type(op) is layers.BatchNormalization
        and op.axis in (-1, rank - 1)
        and op.compute_dtype == "float32"
    )
