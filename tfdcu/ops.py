"""Pure tensor functions of the method: no variables, no state."""

import tensorflow as tf


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
    most. The per-image standardisation is ours; Bai et al. 2020 (NetGraft)
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
