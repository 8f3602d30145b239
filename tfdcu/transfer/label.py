"""The term of the labels: any loss of Keras on logits, averaged over images."""

import keras
import tensorflow as tf


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
