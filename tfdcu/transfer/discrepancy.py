"""What "align the two pools" may mean: against a classifier, or by moments.

Each way takes the domain classifier of a layer, the layer's features (of
which the first `num_labeled` are of labeled images) and the strength of the
alignment at this moment. It returns the loss and the domain classifier's
accuracy, two scalars.
"""

import tensorflow as tf

from tfdcu import ops
from tfdcu.transfer.alignment import channel_statistics


def adversarial(domain, features, num_labeled, scale):
    """The classifier learns to tell the pools; its gradient is reversed."""
    guess = domain(features, scale=scale)
    sides = guess[:num_labeled], guess[num_labeled:]
    return ops.domain_loss(*sides), ops.domain_accuracy(*sides)


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
        features = ops.reverse_gradient(tf.cast(features, tf.float32), -scale)
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
    "coral": matching(of_statistics(ops.coral)),
    "mmd": matching(of_statistics(ops.mmd)),
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
