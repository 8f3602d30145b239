"""Domain-adversarial alignment: gradient reversal and domain classifier."""

from collections import Counter

import keras
import tensorflow as tf
from keras import layers

from tfdcu.graph.graph import read_graph
from tfdcu.graph.macs import layer_macs
from tfdcu.graph.open_model import open_model
from tfdcu.training.moving_average import clock_variable
from tfdcu.workdir.arguments import check_arguments


@tf.custom_gradient
def reverse_gradient(x, scale):
    """Identity in the forward pass; multiplies the gradient by `-scale`.

    Reference: Ganin et al. 2016, arXiv:1409.7495, section 3.

    Args:
        x: Float tensor of any shape.
        scale: Float scalar, at least 0; 0 stops the gradient.

    Returns:
        `x`, unchanged.
    """

    def gradient(upstream):
        return -tf.cast(scale, upstream.dtype) * upstream, None

    return tf.identity(x), gradient


def domain_loss(labeled, unlabeled):
    """Binary cross-entropy of "is unlabeled", averaged over both domains.

    Each domain is averaged first, so that it weighs half whatever its batch
    size. Reference: Ganin et al. 2016, arXiv:1409.7495, equation 9.

    Args:
        labeled: Domain logits of labeled images, float (n, 1).
        unlabeled: Domain logits of unlabeled images, float (m, 1).

    Returns:
        Float scalar, in nats; log(2) for a classifier at chance.
    """
    return 0.5 * (
        tf.reduce_mean(tf.nn.softplus(labeled))
        + tf.reduce_mean(tf.nn.softplus(-unlabeled))
    )


def domain_accuracy(labeled, unlabeled):
    """Balanced accuracy of the domain classifier.

    Args:
        labeled: Domain logits of labeled images, float (n, 1).
        unlabeled: Domain logits of unlabeled images, float (m, 1).

    Returns:
        Float scalar in [0, 1]; 0.5 means aligned.
    """
    return 0.5 * (
        tf.reduce_mean(tf.cast(labeled <= 0, tf.float32))
        + tf.reduce_mean(tf.cast(unlabeled > 0, tf.float32))
    )


@keras.saving.register_keras_serializable("tfdcu")
class GradientReversal(layers.Layer):
    """Identity in the forward pass; multiplies the gradient by `-scale`.

    Placed between features and a domain classifier, it lets one optimizer
    train the classifier to tell the domains apart and the features to become
    indistinguishable.

    Reference: Ganin et al. 2016, arXiv:1409.7495, section 3.

    Args:
        scale: Float, at least 0. Defaults to 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of any shape.
        scale: Optional float scalar or tensor that overrides the layer's
            `scale`, for example from a schedule.

    Raises:
        ValueError: If `scale` is negative.

    Example:

    >>> hidden = tfdcu.GradientReversal()(features)
    >>> is_unlabeled = keras.layers.Dense(1)(hidden)
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        check_arguments(scale=scale)
        self.scale = scale

    def call(self, inputs, scale=None):
        return reverse_gradient(inputs, self.scale if scale is None else scale)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class DomainClassifier(layers.Layer):
    """Predicts whether features come from a labeled or an unlabeled image.

    An MLP with one hidden layer on each channel's mean and standard deviation
    over the image, which reflect lighting, color and texture.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        features: Float (batch, ..., channels); one low-level activation.
        scale: Float scalar, the strength of the gradient reversal.

    Returns:
        Float32 logits (batch, 1); above 0 means "from the unlabeled pool".
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.reverse = GradientReversal(dtype="float32")
        self.hidden = layers.Dense(64, activation="relu", dtype="float32")
        self.logit = layers.Dense(1, dtype="float32")

    def build(self, features_shape):
        channels = features_shape[-1]
        width = channels if len(features_shape) == 2 else 2 * channels
        self.hidden.build((None, width))
        self.logit.build((None, self.hidden.units))

    def call(self, features, scale=1.0):
        statistics = channel_statistics(self.reverse(features, scale=scale))
        return self.logit(self.hidden(statistics))


def channel_statistics(features):
    """Each channel's mean and standard deviation over the image.

    Args:
        features: Float (batch, ..., channels).

    Returns:
        Float (batch, 2 * channels); `features` where they are vectors.
    """
    if len(features.shape) == 2:
        return features
    axes = list(range(1, len(features.shape) - 1))
    mean, variance = tf.nn.moments(features, axes)
    deviation = tf.sqrt(variance + 1e-5)
    return tf.concat([mean, deviation], axis=-1)


def dann_schedule(progress):
    """Strength of the alignment: `2 / (1 + exp(-10 progress)) - 1`.

    Rises from 0 to 1, so that early training is shaped by the other losses.
    Reference: Ganin et al. 2016, arXiv:1409.7495, section 4.2.

    Args:
        progress: Float scalar in [0, 1], the completed fraction of training.

    Returns:
        Float scalar in [0, 1).
    """
    return 2.0 / (1.0 + tf.exp(-10.0 * progress)) - 1.0


def inside_of(student):
    """A student with its nested models taken apart, to see inside.

    Args:
        student: A functional `keras.Model`.

    Returns:
        An equal functional `keras.Model` that shares all weights; layers of
        a nested model "base" are named "base_conv" and so on. The student
        itself if nothing is nested.
    """
    # Custom layers stay closed: in training they may act in another way.
    return open_model(student, keep=lambda layer: True, flat=True).model


def name_inside(path):
    """The name that `inside_of` gives the layer of a path, "base/conv"."""
    return str(path).replace("/", "_")


def default_align_layer(model, share=0.25):
    """The default low-level layer to align.

    Among the layers that no shortcut bypasses, and from the first on that
    learns (a spectrogram does not): the last one whose output is computed
    within `share` of the model's multiply-accumulates, or the first one if even
    that costs more.

    Args:
        model: A functional `keras.Model`.
        share: Float in (0, 1]. Defaults to 0.25.

    Returns:
        The name of a layer of `model`.

    Raises:
        ValueError: If every layer is bypassed by a shortcut.
    """
    nodes = read_graph(model).nodes
    macs = layer_macs(model)
    macs = {path: count or 0 for path, count in macs.items()}
    budget = share * sum(macs.values())
    last_use = {
        id(tensor): index
        for index, node in enumerate(nodes)
        for tensor in node.inputs
    }
    free = set(map(id, called_once(nodes)))
    chosen, spent, open_until, learned = None, 0, 0, False
    for index, node in enumerate(nodes[:-1]):
        spent += macs.get(node.path, 0)
        learned |= bool(spent) and any(
            len(weight.shape) > 1 for weight in getattr(node.op, "weights", ())
        )
        if chosen and spent > budget:
            break
        past = open_until
        for tensor in node.outputs:
            open_until = max(open_until, last_use.get(id(tensor), 0))
        if past <= index and id(node) in free and learned:
            chosen = node.path
    if chosen is None:
        raise ValueError(
            "No low-level layer to align was found. Expected: a layer "
            "of the student that no shortcut bypasses; name one in "
            "`align_layers`. Received: "
            f"layers {[layer.name for layer in model.layers]}"
        )
    return chosen


def called_once(nodes):
    """The nodes of a graph's own layers with one output and one call."""
    calls = Counter(id(node.op) for node in nodes)
    return [
        node
        for node in nodes
        if isinstance(node.op, layers.Layer)
        and "/" not in node.path
        and len(node.outputs) == 1
        and len(node.outputs[0].shape) >= 2
        and calls[id(node.op)] == 1
    ]


def layers_to_align(student, align_layers=None):
    """Names of the layers to align, validated against the student.

    Args:
        student: A functional `keras.Model`, as of `inside_of`.
        align_layers: A name or path, several, or `None`: see
            `default_align_layer`.

    Returns:
        Tuple of names.

    Raises:
        ValueError: If a layer is missing, or none is named.
    """
    if align_layers is None:
        return (default_align_layer(student),)
    if isinstance(align_layers, str) or not hasattr(align_layers, "__iter__"):
        align_layers = (align_layers,)
    names = [layer.name for layer in student.layers]
    align_layers = [name_inside(name) for name in align_layers]
    missing = [name for name in align_layers if name not in names]
    if missing or not align_layers:
        raise ValueError(
            "A layer in `align_layers` is not in the student. Expected: names "
            f"among {names}. Received: align_layers={align_layers!r}"
        )
    return tuple(align_layers)


class Clock:
    """Training progress in [0, 1] and step count as variables.

    Variables, so that schedules work in compiled steps. Each epoch starts at
    `epoch / epochs`, so a resumed run (`fit(initial_epoch=...)`) continues
    where it was. If the steps per epoch are unknown, progress is updated once
    per epoch.
    """

    def __init__(self):
        self.progress = clock_variable("progress")
        self.step = clock_variable("progress_step")
        self.steps = clock_variable("steps")

    def tick(self):
        """Advance by one training step."""
        self.steps.assign(self.steps + 1.0)
        self.progress.assign(tf.minimum(self.progress + self.step, 1.0))

    def callback(self):
        """A callback that sets the clock at the start of each epoch."""

        def on_epoch_begin(epoch, logs=None):
            epochs, steps = callback.params["epochs"], callback.params["steps"]
            self.progress.assign(epoch / epochs)
            if steps or not epoch:
                self.steps.assign(float(epoch * (steps or 0)))
            self.step.assign(1.0 / (epochs * steps) if steps else 0.0)

        callback = keras.callbacks.LambdaCallback(on_epoch_begin=on_epoch_begin)
        return callback
