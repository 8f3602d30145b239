"""Feature losses: match layers of the student to layers of the teacher.

Each loss takes the teacher's and the student's features, float32 (batch, ...,
channels), and returns a scalar that does not depend on their scale.
"""

import keras
import tensorflow as tf

from tfdcu.distill.feature_layers import COMPARED
from tfdcu.distill.feature_layers import check_shapes
from tfdcu.distill.feature_layers import kept_channels
from tfdcu.distill.losses import check_keras_loss
from tfdcu.graph.resize import resized


def feature_mse(teacher, student):
    """Mean squared error divided by the teacher's mean square in the batch.

    Compare Wang et al. 2022 (MiR, arXiv:2201.02620).

    Args:
        teacher: Float (batch, ..., channels).
        student: Float of the same shape.

    Returns:
        Float scalar, at least 0; 1 for a student that outputs zeros, 0 if all
        teacher features are 0.
    """
    error = tf.reduce_mean(tf.square(student - teacher))
    return tf.math.divide_no_nan(error, tf.reduce_mean(tf.square(teacher)))


def attention(teacher, student):
    """Squared distance between normalized attention maps.

    The map is the sum over channels of squared activations, L2-normalized
    over all positions, so the numbers of channels can differ. The distance is
    summed over positions and averaged over images. Reference: Zagoruyko &
    Komodakis 2017, arXiv:1612.03928, section 3.1 and equation 2.

    Args:
        teacher: Float (batch, ..., channels).
        student: Float (batch, ..., other channels), same height and width.

    Returns:
        Float scalar in [0, 2].
    """
    squares = tf.square(_attention_map(student) - _attention_map(teacher))
    axes = list(range(1, len(squares.shape)))
    return tf.reduce_mean(tf.reduce_sum(squares, axis=axes))


def _attention_map(features):
    strength = tf.reduce_sum(tf.square(features), axis=-1)
    axes = list(range(1, len(strength.shape)))
    return tf.math.l2_normalize(strength, axis=axes)


def relation(teacher, student):
    """Huber loss on the distances between the images of a batch.

    Features are averaged over positions and distances divided by their mean
    over the pairs of the batch, so layers of any shape can be compared. Under
    a strategy, pairs are those within a replica. Reference: Park et al. 2019
    (RKD-D), arXiv:1904.05068, section 3.2, with the mean over pairs instead
    of the sum.

    Args:
        teacher: Float (batch, ..., channels).
        student: Float (batch, ..., other channels).

    Returns:
        Float scalar, at least 0; 0 for a single image.
    """
    error = tf.abs(_relative_distances(student) - _relative_distances(teacher))
    huber = tf.where(error <= 1.0, 0.5 * tf.square(error), error - 0.5)
    return _mean_of_pairs(huber)


def squared_distances(rows):
    """Squared Euclidean distances between all pairs of rows.

    Args:
        rows: Float (n, d).

    Returns:
        Float (n, n), at least 0, with zeros on the diagonal.
    """
    rows = rows - tf.reduce_mean(rows, axis=0)  # reduces rounding errors
    squares = tf.reduce_sum(tf.square(rows), axis=1)
    products = tf.matmul(rows, rows, transpose_b=True)
    distances = squares[:, None] + squares[None, :] - 2.0 * products
    # XLA has no gradient of `set_diag` for an unknown batch size.
    others = 1.0 - tf.eye(tf.shape(rows)[0], dtype=rows.dtype)
    return others * tf.maximum(distances, 0.0)


def _relative_distances(features):
    axes = list(range(1, len(features.shape) - 1))
    rows = tf.reduce_mean(features, axis=axes) if axes else features
    squares = squared_distances(rows)
    # The gradient of the square root at 0 is infinite.
    positive = squares > 0.0
    roots = tf.sqrt(tf.where(positive, squares, 1.0))
    distances = tf.where(positive, roots, 0.0)
    return tf.math.divide_no_nan(distances, _mean_of_pairs(distances))


def _mean_of_pairs(values):
    """Mean of the off-diagonal entries; the diagonal must be 0."""
    count = tf.cast(tf.shape(values)[0], values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values), count * (count - 1.0))


FEATURES = {
    "mse": feature_mse,
    "attention": attention,
    "relation": relation,
}


def resolve_features(features):
    """Resolve the `features` argument to `(teacher, student) -> scalar`.

    Args:
        features: `"mse"`, `"attention"` or `"relation"`; a function of
            teacher and student features, float32 (batch, ..., channels)
            each, to a float (batch,) or scalar; or a
            `keras.distillation.DistillationLoss`.

    Returns:
        A function of teacher and student features to a float scalar.

    Raises:
        ValueError: If the name is unknown, or the Keras loss has layer names
            or is given logits instead of probabilities.
    """
    if isinstance(features, keras.distillation.DistillationLoss):
        check_no_layers(features)
        check_keras_loss(features)
        loss = features.compute_loss
    elif callable(features):
        loss = features
    elif features in list(FEATURES):
        loss = FEATURES[features]
    else:
        raise ValueError(
            "Invalid value for `features`. Expected: one of "
            f"{sorted(FEATURES)}, a function of (teacher features, "
            "student features) or a `keras.distillation.DistillationLoss`. "
            f"Received: features={features!r}"
        )
    return lambda teacher, student: tf.reduce_mean(
        loss(tf.cast(teacher, "float32"), tf.cast(student, "float32"))
    )


def check_no_layers(loss):
    """Raise for a Keras loss with layer names, which would be ignored."""
    names = [
        getattr(loss, name, None)
        for name in ("teacher_layer_name", "student_layer_name")
    ]
    if any(names):
        raise ValueError(
            "A feature loss cannot name its own layers. Expected: a loss "
            "without layer names, and the layers in `feature_layers`. "
            f"Received: {type(loss).__name__} with the layers {names}"
        )


def feature_term(features, pairs, kept=None):
    """The feature loss, averaged over all pairs of layers.

    Args:
        features: As in `resolve_features`, or `None`.
        pairs: List of `tfdcu.distill.feature_layers.Pair`.
        kept: Dict from names of teacher layers to the indices of the channels
            that the student kept; a missing layer kept all.

    Returns:
        A function of teacher and student features, each a list with one tensor
        per pair, to a float scalar; 0.0 without pairs.

    Raises:
        ValueError: As `resolve_features`, or if the shapes of two layers do
            not fit.
    """
    if features is None:
        return lambda teacher, student: 0.0
    loss = resolve_features(features)
    # These two use all channels of the teacher.
    if features in ("attention", "relation"):
        kept = None
    channels = [kept_channels(pair, kept or {}) for pair in pairs]
    for pair, indices in zip(pairs, channels):
        check_shapes(features, pair, indices)

    def term(teacher, student):
        if features in COMPARED:
            teacher = [resized(t, s.shape) for t, s in zip(teacher, student)]
        losses = [
            loss(gather_channels(teacher_part, indices), student_part)
            for teacher_part, student_part, indices in zip(
                teacher, student, channels, strict=True
            )
        ]
        return tf.reduce_mean(losses) if losses else 0.0

    return term


def gather_channels(features, indices):
    """Select channels by index; all of them if `indices` is `None`."""
    if indices is None:
        return features
    return tf.gather(features, indices, axis=-1)
