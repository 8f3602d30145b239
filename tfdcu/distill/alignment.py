"""Alignment: tell the two pools apart, and teach the student not to let it."""

import numbers

import keras
import tensorflow as tf
from keras import layers

from tfdcu.graph.graph import read_graph
from tfdcu.graph.macs import layer_macs
from tfdcu.training.moving_average import clock_variable


@tf.custom_gradient
def reverse_gradient(x, scale):
    """The identity on the way forward, `-scale` times the gradient back.

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
    """Binary cross-entropy of "comes from the pool", both sides weighing half.

    Reference: Ganin et al. 2016, arXiv:1409.7495, equation 9. Averaging each
    side before the two are averaged is ours: batches of unequal size then
    still balance at an accuracy of 0.5.

    Args:
        labeled: Domain logits of labeled images, float (n, 1).
        unlabeled: Domain logits of unlabeled images, float (m, 1).

    Returns:
        Float scalar, in nats; log(2) when the classifier cannot tell.
    """
    return 0.5 * (
        tf.reduce_mean(tf.nn.softplus(labeled))
        + tf.reduce_mean(tf.nn.softplus(-unlabeled))
    )


def domain_accuracy(labeled, unlabeled):
    """Share of images whose pool is told rightly, both sides weighing half.

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
    """The identity forward; the gradient times `-scale` on the way back.

    Put it between features and a classifier that tells domains apart, and one
    optimizer trains the classifier to tell and the features not to be told.

    Reference: Ganin et al. 2016, arXiv:1409.7495, section 3.

    Args:
        scale: Float, at least 0. Defaults to 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of any shape.
        scale: Optional float scalar (a tensor, say, that a schedule moves),
            used in place of the layer's own.

    Raises:
        ValueError: If `scale` is negative.

    Example:

    >>> hidden = tfdcu.GradientReversal()(features)
    >>> is_unlabeled = keras.layers.Dense(1)(hidden)
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        if scale < 0:
            raise ValueError(
                "A gradient cannot be reversed by a negative factor. "
                f"Expected: scale >= 0. Received: scale={scale}"
            )
        self.scale = scale

    def call(self, inputs, scale=None):
        return reverse_gradient(inputs, self.scale if scale is None else scale)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class DomainClassifier(layers.Layer):
    """A small network that guesses which pool a feature map comes from.

    It sees each channel's mean and standard deviation over the image, the
    statistics in which light, color and texture of a pool show first, and
    puts one hidden layer on them. Both choices are ours.

    Args:
        units: Int, width of the hidden layer; 0 for none, a linear
            classifier. Defaults to 64.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        features: Float (batch, ..., channels); one low-level activation.
        scale: Float scalar, the strength of the gradient reversal.

    Returns:
        Float32 logits (batch, 1); above 0 means "from the unlabeled pool".

    Raises:
        ValueError: If `units` is negative.
    """

    def __init__(self, units=64, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        if units < 0:
            raise ValueError(
                "A domain classifier cannot be narrower than nothing. "
                f"Expected: units >= 0. Received: domain_units={units}"
            )
        self.reverse = GradientReversal(dtype="float32")
        self.units = units
        if units:
            self.hidden = layers.Dense(
                units, activation="relu", dtype="float32"
            )
        self.logit = layers.Dense(1, dtype="float32")

    def build(self, features_shape):
        channels = features_shape[-1]
        width = channels if len(features_shape) == 2 else 2 * channels
        if self.units:
            self.hidden.build((None, width))
        self.logit.build((None, self.units or width))

    def call(self, features, scale=1.0):
        seen = channel_statistics(self.reverse(features, scale=scale))
        return self.logit(self.hidden(seen) if self.units else seen)


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
    """The alignment's strength over a run, from 0 to 1.

    `2 / (1 + exp(-10 p)) - 1`, so that the first features are shaped by the
    other losses. Reference: Ganin et al. 2016, arXiv:1409.7495, section 4.2.

    Args:
        progress: Float scalar, the share of the run that is over, in [0, 1].

    Returns:
        Float scalar in [0, 1).
    """
    return 2.0 / (1.0 + tf.exp(-10.0 * progress)) - 1.0


SCHEDULES = {"dann": dann_schedule}


def resolve_schedule(schedule):
    """A name, a constant or a function, as `progress -> scale`."""
    if callable(schedule):
        return schedule
    if isinstance(schedule, numbers.Real) and schedule >= 0:
        return lambda progress: tf.constant(schedule, tf.float32)
    if schedule not in SCHEDULES:
        raise ValueError(
            "Unknown alignment schedule. Expected: one of "
            f"{sorted(SCHEDULES)}, a constant >= 0 or a function of the "
            f"progress in [0, 1]. Received: align_schedule={schedule!r}"
        )
    return SCHEDULES[schedule]


def default_align_layer(model, share=0.25):
    """The low-level activation to align when the user names none.

    Early enough to be low-level, late enough to matter: of the layers through
    which everything flows (no shortcut runs past them), the last one whose
    output is computed within `share` of the model's multiply-accumulates, or
    the first one when even that costs more. The rule is ours.

    Args:
        model: A functional `keras.Model`.
        share: Float in (0, 1]. Defaults to 0.25.

    Returns:
        The name of a layer of `model`.

    Raises:
        ValueError: If no layer's output is passed by everything.
    """
    nodes = read_graph(model).nodes
    macs = layer_macs(model)
    budget = share * sum(macs.values())
    last_use = {
        id(tensor): index
        for index, node in enumerate(nodes)
        for tensor in node.inputs
    }
    chosen, spent, open_until = None, 0, 0
    for index, node in enumerate(nodes[:-1]):
        spent += macs.get(node.path, 0)
        if chosen and spent > budget:
            break
        past = open_until
        for tensor in node.outputs:
            open_until = max(open_until, last_use.get(id(tensor), 0))
        if past <= index and tappable(model, node) and spent:
            chosen = node.path
    if chosen is None:
        raise ValueError(
            "No low-level activation to align was found. Expected: a layer "
            "of the student itself (not of a model nested in it) through "
            "which all images flow; name one in `align_layers`. Received: "
            f"layers {[layer.name for layer in model.layers]}"
        )
    return chosen


def tappable(model, node):
    """Whether the node is a layer called once, with one float feature map."""
    return (
        isinstance(node.op, layers.Layer)
        and "/" not in node.path
        and len(node.outputs) == 1
        and len(node.outputs[0].shape) >= 2
        and len(node.op._inbound_nodes) == 1
    )


def layers_to_align(student, align_layers=None):
    """The names of the layers to align, checked against the student.

    Args:
        student: A functional `keras.Model`.
        align_layers: A name, several, or `None`: see `default_align_layer`.

    Returns:
        Tuple of names.

    Raises:
        ValueError: If a layer is missing, or none is named.
    """
    if align_layers is None:
        return (default_align_layer(student),)
    if isinstance(align_layers, str):
        align_layers = (align_layers,)
    known = [layer.name for layer in student.layers]
    missing = [name for name in align_layers if name not in known]
    if missing or not align_layers:
        raise ValueError(
            "A layer to align is not in the student. Expected: names "
            f"among {known}. Received: align_layers={align_layers!r}"
        )
    return tuple(align_layers)


class Clock:
    """Progress in [0, 1] and steps as variables, so that schedules compile in.

    Each epoch starts at `epoch / epochs`, whatever came before, so a resumed
    run (`fit(initial_epoch=...)`) keeps time. Where the number of steps in an
    epoch is unknown, progress moves once an epoch.
    """

    def __init__(self):
        self.progress = clock_variable("progress")
        self.step = clock_variable("progress_step")
        self.steps = clock_variable("steps")

    def tick(self):
        """Move on by one training step."""
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
