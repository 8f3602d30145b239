"""The label and mimic terms of the loss."""

import keras
import tensorflow as tf

from tfdcu.training.labels import label_loss


def kl(targets, logits, temperature=1.0):
    """`T^2 * KL(softmax(targets / T) || softmax(logits / T))`, per image.

    The factor T^2 keeps the size of the gradient independent of T.
    Reference: Hinton et al. 2015, arXiv:1503.02531, section 2.

    Args:
        targets: Teacher logits, float (batch, classes).
        logits: Student logits, float (batch, classes).
        temperature: Float above 0; higher values soften the probabilities.

    Returns:
        Float (batch,), at least 0, in nats times `temperature` squared.
    """
    log_p = tf.nn.log_softmax(targets / temperature)
    log_q = tf.nn.log_softmax(logits / temperature)
    divergence = tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)
    return temperature**2 * divergence


def mse(targets, logits, temperature=1.0):
    """Mean squared difference of the logits, per image.

    Reference: Ba & Caruana 2014, arXiv:1312.6184, equation 1.

    Args:
        targets: Teacher logits, float (batch, classes).
        logits: Student logits, float (batch, classes).
        temperature: Unused; `mse` is the limit of `kl` at high temperature.

    Returns:
        Float (batch,).
    """
    return tf.reduce_mean(tf.square(targets - logits), axis=-1)


def binary_kl(targets, logits, temperature=1.0):
    """`T^2 * KL` of the yes and no of each label, summed over labels.

    The counterpart of `kl` for classifiers with several labels an image,
    whose sigmoids do not depend on one another.

    Args:
        targets: Teacher logits, float (batch, labels).
        logits: Student logits, float (batch, labels).
        temperature: As in `kl`.

    Returns:
        Float (batch,), at least 0, in nats times `temperature` squared.
    """
    # sigmoid(z) is the softmax of (z, 0).
    pairs = [tf.stack([z, tf.zeros_like(z)], -1) for z in (targets, logits)]
    return tf.reduce_sum(kl(*pairs, temperature), axis=-1)


MIMICS = {"kl": kl, "mse": mse}


def resolve_mimic(mimic, temperature, kind="classes"):
    """Turn the `mimic` argument into `(targets, logits) -> scalar loss`.

    Args:
        mimic: `"kl"`, `"mse"`; a function
            `(targets, logits) -> float (batch,) or scalar`; or a
            `keras.distillation.DistillationLoss` on outputs.
        temperature: Float above 0, used by `"kl"`.
        kind: What the output answers. "kl" is that of each label's yes and no
            for "labels", and "mse" for "values". Defaults to "classes".

    Returns:
        A function of teacher and student logits, float32 (batch, ...,
        classes) each, to a float scalar, the mean over images and positions.

    Raises:
        ValueError: If the name is unknown, or the Keras loss expects
            probabilities but is given logits.
    """
    if isinstance(mimic, keras.distillation.DistillationLoss):
        check_keras_loss(mimic)
        return lambda targets, logits: mimic.compute_loss(targets, logits)
    if callable(mimic):
        return lambda targets, logits: tf.reduce_mean(mimic(targets, logits))
    if mimic not in list(MIMICS):
        raise ValueError(
            "Unknown mimic loss. Expected: one of "
            f"{sorted(MIMICS)}, a function of (targets, logits) or a "
            f"`keras.distillation.DistillationLoss`. Received: mimic={mimic!r}"
        )
    loss = MIMICS[mimic]
    if mimic == "kl":
        loss = {"classes": kl, "labels": binary_kl, "values": mse}[kind]
    return lambda targets, logits: tf.reduce_mean(
        loss(targets, logits, temperature)
    )


def check_keras_loss(mimic):
    """Raise for Keras losses that would not compute what they should.

    `LogitsDistillation` applies softmax only for an instance of
    `KLDivergence`. Its default, a string, becomes a bare function that
    receives raw logits. Feature losses with layer names need activations that
    only `keras.distillation.Distiller` collects.
    """
    if isinstance(mimic, keras.distillation.LogitsDistillation):
        names = [
            getattr(loss, "__name__", "")
            for loss in keras.tree.flatten(mimic.loss)
        ]
        if "kl_divergence" in names:
            raise ValueError(
                "This LogitsDistillation passes raw logits to a divergence of "
                "probabilities (its `loss` is a function, not an instance). "
                "Expected: LogitsDistillation(..., "
                "loss=keras.losses.KLDivergence()), or mimic='kl'. "
                "Received: loss='kl_divergence'"
            )
    if isinstance(mimic, keras.distillation.FeatureDistillation):
        if mimic.teacher_layer_name or mimic.student_layer_name:
            raise ValueError(
                "A feature loss with layer names cannot mimic logits. "
                "Expected: a loss on the models' outputs. Received: "
                "FeatureDistillation(teacher_layer_name="
                f"{mimic.teacher_layer_name!r}, student_layer_name="
                f"{mimic.student_layer_name!r})"
            )


def resolve_label(loss=None, kind="classes"):
    """Validate the loss of the labeled images.

    Args:
        loss: A `keras.losses.Loss` on logits; `None` for that of
            `label_loss`.
        kind: What the output answers. Defaults to "classes".

    Returns:
        A `keras.losses.Loss`.

    Raises:
        ValueError: If it is not a `Loss` instance or expects probabilities.
    """
    if loss is None:
        return label_loss(kind)
    if not isinstance(loss, keras.losses.Loss) or not getattr(
        loss, "from_logits", True
    ):
        raise ValueError(
            "Invalid value for `loss`. Expected: an instance of "
            "`keras.losses.Loss` that takes logits, such as "
            "SparseCategoricalCrossentropy(from_logits=True). "
            f"Received: loss={loss!r}"
        )
    return loss


def label_term(loss, y, logits, weight=None):
    """Mean loss of the labeled images; 0 if there are none.

    Args:
        loss: A `keras.losses.Loss`; its `reduction` is ignored.
        y: Labels (batch, ...), or `None`.
        logits: Float (batch, classes).
        weight: Sample weights, float (batch,) or (batch, 1), or `None`.

    Returns:
        Float scalar.

    Raises:
        ValueError: If there is more than one weight per image.
    """
    if y is None:
        return 0.0
    values = loss.call(y, logits)
    if weight is not None:
        values = values * broadcast_weights(
            tf.cast(weight, values.dtype), values
        )
    return tf.reduce_mean(values)


def check_labels(loss, y, logits):
    """Raise for labels of another kind than the loss expects.

    Args:
        loss: A `keras.losses.Loss`.
        y: Labels (batch, ...).
        logits: Float (batch, classes).

    Raises:
        ValueError: If a loss of integers gets multi-hot labels, or one of
            labels by themselves gets one integer an image.
    """
    several = len(y.shape) == 2 and y.shape[-1] not in (1, None)
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        if several and len(logits.shape) == 2:
            raise ValueError(
                "The labels do not fit the loss. Expected: one integer an "
                "image; for several labels an image a teacher that ends in "
                "sigmoids, or compile(loss=keras.losses.BinaryCrossentropy("
                "from_logits=True)). "
                f"Received: labels of shape {tuple(y.shape)}"
            )
    if isinstance(loss, keras.losses.BinaryCrossentropy):
        if not several and len(logits.shape) == 2:
            raise ValueError(
                "The labels do not fit the loss. Expected: 0 or 1 for each of "
                f"the {logits.shape[-1]} labels, as the teacher ends in "
                "sigmoids; `loss=keras.losses.SparseCategoricalCrossentropy("
                "from_logits=True)` in `compile` takes one class an image. "
                f"Received: labels of shape {tuple(y.shape)}"
            )


def broadcast_weights(weight, values):
    """Reshape sample weights to broadcast against the loss values."""
    rank = values.shape.rank
    if not rank or weight.shape.rank == rank:
        return weight
    if weight.shape[1:].num_elements() not in (1, None):
        raise ValueError(
            "Invalid sample weights. Expected: one weight per image, of "
            f"shape (batch,). Received: shape {tuple(weight.shape)}"
        )
    return tf.reshape(weight, [-1] + [1] * (rank - 1))
