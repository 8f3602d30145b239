"""The term of features: a layer of the student follows one of the teacher.

Each loss takes the teacher's features and the student's, float32 (batch, ...,
channels), and returns a scalar without a unit, so that one weight fits layers
of any scale.
"""

import keras
import tensorflow as tf

from tfdcu.distill.discrepancy import squared_distances
from tfdcu.distill.feature_layers import check_alike
from tfdcu.distill.feature_layers import kept_channels
from tfdcu.distill.losses import refuse_broken


def feature_mse(teacher, student):
    """Mean squared difference, as a share of the teacher's mean square.

    Reference: the features before pooling as what is followed, Wang et al.
    2022 (MiR, arXiv:2201.02620); dividing by the teacher's own squares, those
    of the batch, is ours.

    Args:
        teacher: Float (batch, ..., channels).
        student: Float of the same shape.

    Returns:
        Float scalar, at least 0; 1 for a student that gives zeros, 0 where
        all of the teacher's features are 0.
    """
    apart = tf.reduce_mean(tf.square(student - teacher))
    return tf.math.divide_no_nan(apart, tf.reduce_mean(tf.square(teacher)))


def attention(teacher, student):
    """Squared distance of the maps of where activations are strong.

    The map is the sum over channels of squared activations, brought to
    length 1 over all its places, so widths need not agree. Reference:
    Zagoruyko & Komodakis 2017, arXiv:1612.03928, section 3.1 and equation 2.
    The squared norm, summed over places and averaged over images, is ours: a
    mean over places would fade with the size of the map.

    Args:
        teacher: Float (batch, ..., channels).
        student: Float (batch, ..., other channels), the same places.

    Returns:
        Float scalar in [0, 2].
    """
    apart = tf.square(_attention_map(student) - _attention_map(teacher))
    places = list(range(1, len(apart.shape)))
    return tf.reduce_mean(tf.reduce_sum(apart, axis=places))


def _attention_map(features):
    strength = tf.reduce_sum(tf.square(features), axis=-1)
    places = list(range(1, len(strength.shape)))
    return tf.math.l2_normalize(strength, axis=places)


def relation(teacher, student):
    """Huber loss of the distances between the images of a batch.

    Features are averaged over places, and distances divided by their mean
    over the pairs of the batch, so neither widths nor places need agree. A
    replica knows the pairs of its own share. Reference: Park et al. 2019
    (RKD-D), arXiv:1904.05068, the distance-wise loss of section 3.2; taking
    the mean over pairs, where they take the sum, and over places is ours.

    Args:
        teacher: Float (batch, ..., channels).
        student: Float (batch, ..., other channels).

    Returns:
        Float scalar, at least 0; 0 for a single image.
    """
    apart = tf.abs(_relative_distances(student) - _relative_distances(teacher))
    huber = tf.where(apart <= 1.0, 0.5 * tf.square(apart), apart - 0.5)
    return _mean_of_pairs(huber)


def _relative_distances(features):
    axes = list(range(1, len(features.shape) - 1))
    rows = tf.reduce_mean(features, axis=axes) if axes else features
    squares = squared_distances(rows)
    # At 0, where the diagonal and equal images are, the root has no slope.
    apart = squares > 0.0
    distances = tf.where(apart, tf.sqrt(tf.where(apart, squares, 1.0)), 0.0)
    return tf.math.divide_no_nan(distances, _mean_of_pairs(distances))


def _mean_of_pairs(values):
    """The mean of a square matrix with zeros on its diagonal, without it."""
    count = tf.cast(tf.shape(values)[0], values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values), count * (count - 1.0))


FEATURES = {
    "mse": feature_mse,
    "attention": attention,
    "relation": relation,
}


def resolve_features(features):
    """Turn the `features` argument into `(teacher, student) -> scalar`.

    Args:
        features: `"mse"`, `"attention"` or `"relation"`; a function of
            teacher's and student's features, float32 (batch, ..., channels)
            each, to a float (batch,) or scalar; or a
            `keras.distillation.DistillationLoss` on such a pair.

    Returns:
        A function of teacher's and student's features to a float scalar.

    Raises:
        ValueError: If the name is unknown, or the Keras loss names layers of
            its own or skips the softmax that it needs.
    """
    if isinstance(features, keras.distillation.DistillationLoss):
        refuse_own_layers(features)
        refuse_broken(features)
        loss = features.compute_loss
    elif callable(features):
        loss = features
    elif features in FEATURES:
        loss = FEATURES[features]
    else:
        raise ValueError(
            "Unknown loss of features. Expected: one of "
            f"{sorted(FEATURES)}, a function of (teacher's features, "
            "student's features) or a `keras.distillation.DistillationLoss`. "
            f"Received: features={features!r}"
        )
    return lambda teacher, student: tf.reduce_mean(
        loss(tf.cast(teacher, "float32"), tf.cast(student, "float32"))
    )


def refuse_own_layers(loss):
    """Stop a Keras loss that names layers which nobody taps for it."""
    names = [
        getattr(loss, name, None)
        for name in ("teacher_layer_name", "student_layer_name")
    ]
    if any(names):
        raise ValueError(
            "A loss of features is handed its features. Expected: one without "
            "layer names, and the layers in `feature_layers`. Received: "
            f"{type(loss).__name__} with the layers {names}"
        )


def feature_term(features, pairs, kept=None):
    """The loss over all followed layers: the mean over their pairs.

    Args:
        features: As in `resolve_features`, or `None`.
        pairs: List of `tfdcu.distill.feature_layers.Pair`.
        kept: Dict from layers of the teacher to the indices of the channels
            that the student has; a layer that is not in it has all of them.

    Returns:
        A function of the teacher's features and the student's, a list each
        with one tensor a pair, to a float scalar; 0.0 where there are none.

    Raises:
        ValueError: As `resolve_features`, or if two layers do not compare.
    """
    if features is None:
        return lambda teacher, student: 0.0
    loss = resolve_features(features)
    # These two compare all that the teacher sees.
    if features in ("attention", "relation"):
        kept = None
    channels = [kept_channels(pair, kept or {}) for pair in pairs]
    for pair, indices in zip(pairs, channels):
        check_alike(features, pair, indices)

    def term(teacher, student):
        losses = [
            loss(gathered(theirs, indices), own)
            for theirs, own, indices in zip(
                teacher, student, channels, strict=True
            )
        ]
        return tf.reduce_mean(losses) if losses else 0.0

    return term


def gathered(features, indices):
    """The channels with these indices; all of them where there are none."""
    if indices is None:
        return features
    return tf.gather(features, indices, axis=-1)
