"""What "align the two pools" may mean: against a classifier, or by moments.

Each way takes the domain classifier of a layer, the layer's features (of
which the first `num_labeled` are of labeled images) and the strength of the
alignment at this moment. It returns the loss and the domain classifier's
accuracy, two scalars.
"""

import tensorflow as tf

from tfdcu.distill.alignment import channel_statistics
from tfdcu.distill.alignment import domain_accuracy
from tfdcu.distill.alignment import domain_loss
from tfdcu.distill.alignment import reverse_gradient


def coral(labeled, unlabeled):
    """Squared distance of the two pools' covariances: CORAL.

    `||C_labeled - C_unlabeled||^2 / (4 d^2)` in the Frobenius norm. It is
    deaf to a shift of all features, and as large as their fourth power.
    Reference: Sun & Saenko 2016, arXiv:1607.01719, equations 1 to 3.

    Args:
        labeled: Features of labeled images, float (n, d).
        unlabeled: Features of unlabeled images, float (m, d).

    Returns:
        Float scalar, at least 0; 0 when the covariances are equal. A single
        image has the covariance 0.
    """
    difference = _covariance(labeled) - _covariance(unlabeled)
    return tf.reduce_mean(tf.square(difference)) / 4.0


def _covariance(features):
    count = tf.cast(tf.shape(features)[0], features.dtype)
    centered = features - tf.reduce_mean(features, axis=0)
    product = tf.matmul(centered, centered, transpose_a=True)  # (d, d)
    return product / tf.maximum(count - 1.0, 1.0)


def mmd(labeled, unlabeled, scales=(0.25, 0.5, 1.0, 2.0, 4.0)):
    """Squared maximum mean discrepancy, averaged over Gaussian kernels.

    `mean k(l, l') + mean k(u, u') - 2 mean k(l, u)`, where k is the mean of
    `exp(-||x - y||^2 / (s * median))` over the scales s. The median is that
    of all pairs' squared distances, the heuristic for the kernel's width; no
    gradient runs through it. A common factor of all features changes nothing.

    Reference: Gretton et al. 2012 (JMLR 13), equation 5, the biased estimate;
    several widths after Long et al. 2015, arXiv:1502.02791. Five of them,
    around the batch's own median and of equal weight, are ours.

    Args:
        labeled: Features of labeled images, float (n, d).
        unlabeled: Features of unlabeled images, float (m, d).
        scales: Floats above 0, widths of the kernels as factors of the
            median. Defaults to a quarter to four times.

    Returns:
        Float scalar in [0, 2]; 0 when both sides hold the same features.
    """
    both = tf.concat([labeled, unlabeled], axis=0)
    distances = squared_distances(both)  # (n + m, n + m)
    width = tf.maximum(tf.stop_gradient(_median_of_pairs(distances)), 1e-12)
    kernels = [tf.exp(-distances / (scale * width)) for scale in scales]
    similar = tf.add_n(kernels) / len(kernels)
    n = tf.shape(labeled)[0]
    return (
        tf.reduce_mean(similar[:n, :n])
        + tf.reduce_mean(similar[n:, n:])
        - 2.0 * tf.reduce_mean(similar[:n, n:])
    )


def squared_distances(rows):
    """Squared Euclidean distance of each row to each other one.

    Args:
        rows: Float (n, d).

    Returns:
        Float (n, n), at least 0, with zeros on the diagonal.
    """
    rows = rows - tf.reduce_mean(rows, axis=0)  # less is lost in rounding
    squares = tf.reduce_sum(tf.square(rows), axis=1)
    products = tf.matmul(rows, rows, transpose_b=True)
    distances = squares[:, None] + squares[None, :] - 2.0 * products
    # XLA has no gradient of `set_diag` where the batch is of unknown size.
    others = 1.0 - tf.eye(tf.shape(rows)[0], dtype=rows.dtype)
    return others * tf.maximum(distances, 0.0)


def _median_of_pairs(distances):
    count = tf.shape(distances)[0]
    ordered = tf.sort(tf.reshape(distances, [-1]))
    # The diagonal's zeros come first, then each pair twice.
    return ordered[count + count * (count - 1) // 2]


def adversarial(domain, features, num_labeled, scale):
    """The classifier learns to tell the pools; its gradient is reversed."""
    guess = domain(features, scale=scale)
    sides = guess[:num_labeled], guess[num_labeled:]
    return domain_loss(*sides), domain_accuracy(*sides)


def matching(distance):
    """A way to align that makes a distance of the two pools small.

    The classifier is there as an observer, so that `domain_accuracy` says
    the same for every way to align: it learns as fast as an adversary, but
    no gradient leaves it, and the loss is the distance alone.

    Args:
        distance: Function of labeled and unlabeled features to a scalar.

    Returns:
        A function as described above.
    """

    def align(domain, features, num_labeled, scale):
        observed, accuracy = adversarial(domain, features, num_labeled, 0.0)
        # Reversed twice: the gradient times `scale`.
        features = reverse_gradient(tf.cast(features, tf.float32), -scale)
        loss = distance(features[:num_labeled], features[num_labeled:])
        return loss + (observed - tf.stop_gradient(observed)), accuracy

    return align


def of_statistics(distance):
    """A distance of vectors as one of features: of their statistics.

    Each statistic is brought to the mean 0 and the deviation 1 over both
    pools, so that neither the scale of an activation nor its loudest channel
    decides; no gradient runs through these two numbers. That is ours.

    Args:
        distance: Function of vectors (n, d) and (m, d) to a scalar.

    Returns:
        A function of features (n, ..., channels) and (m, ..., channels).
    """

    def apart(labeled, unlabeled):
        sides = channel_statistics(labeled), channel_statistics(unlabeled)
        both = tf.stop_gradient(tf.concat(sides, axis=0))
        mean, variance = tf.nn.moments(both, axes=[0])
        factor = tf.math.rsqrt(variance + 1e-6)
        return distance(*[(side - mean) * factor for side in sides])

    return apart


ALIGNS = {
    "adversarial": adversarial,
    "coral": matching(of_statistics(coral)),
    "mmd": matching(of_statistics(mmd)),
}


def resolve_align(align):
    """Turn the `align` argument into a way to align.

    Args:
        align: `"adversarial"`, `"coral"` or `"mmd"`; or a function of
            labeled and unlabeled features, float32 (n, ..., channels) and
            (m, ..., channels), to a scalar.

    Returns:
        A function of domain classifier, features, `num_labeled` and scale.

    Raises:
        ValueError: If the name is unknown.
    """
    if callable(align):
        return matching(align)
    if align not in ALIGNS:
        raise ValueError(
            "Unknown way to align the pools. Expected: one of "
            f"{sorted(ALIGNS)} or a function of (labeled features, unlabeled "
            f"features). Received: align={align!r}"
        )
    return ALIGNS[align]
