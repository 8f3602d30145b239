"""The feature term: match layers of the student to layers of the teacher."""

import tensorflow as tf

from tfdcu.graph.resize import resized


def feature_mse(teacher, student):
    """Mean squared error divided by the teacher's mean square in the batch.

    It does not depend on the scale of the features. Compare Wang et al. 2022
    (MiR, arXiv:2201.02620).

    Args:
        teacher: Float (batch, ..., channels).
        student: Float of the same shape.

    Returns:
        Float32 scalar, at least 0; 1 for a student that outputs zeros, 0 if
        all teacher features are 0.
    """
    teacher, student = tf.cast(teacher, "float32"), tf.cast(student, "float32")
    error = tf.reduce_mean(tf.square(student - teacher))
    return tf.math.divide_no_nan(error, tf.reduce_mean(tf.square(teacher)))


def feature_term(pairs):
    """`feature_mse`, averaged over all pairs of layers.

    Args:
        pairs: List of `tfdcu.distill.feature_layers.Pair`.

    Returns:
        A function of teacher and student features, each a list with one tensor
        per pair, to a float scalar; 0.0 without pairs. Maps of the teacher are
        resized to those of the student, and of its channels those that the
        student kept are compared.
    """

    def term(teacher, student):
        losses = [
            feature_mse(
                gather_channels(resized(theirs, own.shape), pair.channels), own
            )
            for pair, theirs, own in zip(pairs, teacher, student, strict=True)
        ]
        return tf.reduce_mean(losses) if losses else 0.0

    return term


def gather_channels(features, indices):
    """Select channels by index; all of them if `indices` is `None`."""
    if indices is None:
        return features
    return tf.gather(features, indices, axis=-1)
