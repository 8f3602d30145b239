"""What "follow the teacher" may mean: a name, a function, a Keras loss."""

import keras
import tensorflow as tf

from tfdcu import ops

MIMICS = {"kl": ops.kl, "mse": ops.mse, "normalized_mse": ops.normalized_mse}


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
