"""What "follow the teacher" may mean: a name, a function, a Keras loss."""

import keras
import tensorflow as tf


def kl(targets, logits, temperature=1.0):
    """`T^2 * KL(softmax(targets / T) || softmax(logits / T))`, per image.

    The factor keeps the gradient's size while the temperature moves.
    Reference: Hinton et al. 2015, arXiv:1503.02531, section 2.

    Args:
        targets: Teacher logits, float (batch, classes).
        logits: Student logits, float (batch, classes).
        temperature: Float above 0; higher spreads the probabilities.

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
        temperature: Unused; the limit of `kl` for a high temperature.

    Returns:
        Float (batch,).
    """
    return tf.reduce_mean(tf.square(targets - logits), axis=-1)


def normalized_mse(targets, logits, temperature=1.0):
    """`mse` of logits brought to mean 0 and deviation 1, image by image.

    Deaf to the teacher's overall confidence, which a biased pool distorts
    most. The per-image standardization is ours; Bai et al. 2020 (NetGraft)
    divide by the norm.

    Args:
        targets: Teacher logits, float (batch, classes).
        logits: Student logits, float (batch, classes).
        temperature: Unused.

    Returns:
        Float (batch,), between 0 and 4.
    """
    return mse(_standardized(targets), _standardized(logits))


def _standardized(logits):
    mean, variance = tf.nn.moments(logits, axes=[-1], keepdims=True)
    return (logits - mean) * tf.math.rsqrt(variance + 1e-6)


MIMICS = {"kl": kl, "mse": mse, "normalized_mse": normalized_mse}


def resolve_mimic(mimic, temperature, class_weights=None):
    """Turn the `mimic` argument into `(targets, logits) -> scalar loss`.

    Args:
        mimic: `"kl"`, `"mse"`, `"normalized_mse"`; a function
            `(targets, logits) -> float (batch,) or scalar`; or a
            `keras.distillation.DistillationLoss` on outputs.
        temperature: Float above 0, used by `"kl"`.
        class_weights: Float (classes,), what an image weighs by the class
            that its targets put first; `None` for the plain mean.

    Returns:
        A function of teacher and student logits, float32 (batch, classes)
        each, to a float scalar.

    Raises:
        ValueError: If the name is unknown, if the Keras loss is one that
            never turns logits into probabilities although it must, or if
            images are to be weighed in a loss that does not tell them apart.
    """
    if isinstance(mimic, keras.distillation.DistillationLoss):
        refuse_broken(mimic)
        if class_weights is not None:
            refuse_scalar(mimic)
        return lambda targets, logits: mimic.compute_loss(targets, logits)
    if callable(mimic):
        return averaged(mimic, class_weights)
    if mimic not in MIMICS:
        raise ValueError(
            "Unknown mimic loss. Expected: one of "
            f"{sorted(MIMICS)}, a function of (targets, logits) or a "
            f"`keras.distillation.DistillationLoss`. Received: mimic={mimic!r}"
        )
    loss = MIMICS[mimic]
    return averaged(
        lambda targets, logits: loss(targets, logits, temperature),
        class_weights,
    )


def averaged(loss, class_weights):
    """A loss of each image as the mean over images, weighed by class."""

    def mean(targets, logits):
        values = tf.convert_to_tensor(loss(targets, logits))
        if class_weights is not None:
            if values.shape.rank != 1:
                refuse_scalar(f"{loss} of shape {values.shape}")
            values *= tf.gather(class_weights, tf.argmax(targets, axis=-1))
        return tf.reduce_mean(values)

    return mean


def refuse_scalar(mimic):
    """Stop a loss that is not one value an image from being weighed."""
    raise ValueError(
        "Images cannot be weighed in this mimic loss. Expected: a loss of "
        "shape (batch,), as those with a name have, or mimic_balance=0. "
        f"Received: mimic={mimic}"
    )


def refuse_broken(mimic):
    """Stop Keras losses that would train on something else than they say.

    `LogitsDistillation` takes softmax only for an instance of
    `KLDivergence`; its default, the string, becomes a bare function that
    receives raw logits, and the student then follows noise. Feature losses
    with layer names need activations that only `Distiller` collects.
    """
    if isinstance(mimic, keras.distillation.LogitsDistillation):
        names = [
            getattr(loss, "__name__", "")
            for loss in keras.tree.flatten(mimic.loss)
        ]
        if "kl_divergence" in names:
            raise ValueError(
                "This LogitsDistillation feeds raw logits to a divergence of "
                "probabilities (its `loss` is the function, not the class). "
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


def resolve_label(loss=None):
    """The loss of the labeled images, checked.

    Args:
        loss: A `keras.losses.Loss` on logits; `None` for
            `SparseCategoricalCrossentropy(from_logits=True)`.

    Returns:
        A `keras.losses.Loss`.

    Raises:
        ValueError: If it is no instance, or expects probabilities.
    """
    if loss is None:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if not isinstance(loss, keras.losses.Loss) or not getattr(
        loss, "from_logits", True
    ):
        raise ValueError(
            "The student ends in logits. Expected: an instance of "
            "`keras.losses.Loss` that takes them, such as "
            "SparseCategoricalCrossentropy(from_logits=True). "
            f"Received: loss={loss!r}"
        )
    return loss


def label_term(loss, y, logits, weight=None):
    """Mean loss of the labeled images; 0 when there are none.

    Args:
        loss: A `keras.losses.Loss`; its `reduction` is passed over.
        y: Labels (batch, ...), or `None`.
        logits: Float (batch, classes).
        weight: Float (batch,) or (batch, 1), what each image weighs, or
            `None`.

    Returns:
        Float scalar.

    Raises:
        ValueError: If images have several weights.
    """
    if y is None:
        return 0.0
    values = loss.call(y, logits)
    if weight is not None:
        values = values * one_an_image(tf.cast(weight, values.dtype), values)
    return tf.reduce_mean(values)


def one_an_image(weight, values):
    """The weights in as many axes as the values have, which they multiply."""
    rank = values.shape.rank
    if not rank or weight.shape.rank == rank:
        return weight
    if weight.shape[1:].num_elements() not in (1, None):
        raise ValueError(
            "Images cannot be weighed so. Expected: one weight an image, of "
            f"shape (batch,). Received: shape {tuple(weight.shape)}"
        )
    return tf.reshape(weight, [-1] + [1] * (rank - 1))


def check_weights(temperature, **weights):
    """Raise the error of the first number that is out of range.

    Args:
        temperature: Float, which must be above 0.
        **weights: Floats, which must be at least 0, by name.

    Raises:
        ValueError: If one is not.
    """
    for name, value in weights.items():
        if not value >= 0:
            raise ValueError(
                "A loss cannot weigh less than nothing. "
                f"Expected: {name} >= 0. Received: {name}={value}"
            )
    if not temperature > 0:
        raise ValueError(
            "The temperature divides the logits. Expected: temperature > 0. "
            f"Received: temperature={temperature}"
        )
