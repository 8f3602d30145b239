"""The align term: against the domain classifier, or by a user's function.

Each way takes the domain classifier of a layer, the layer's features, the
first `num_labeled` of which are of labeled images, and the strength of the
alignment. It returns the loss and the domain accuracy, two scalars.
"""

import tensorflow as tf

from tfdcu.distill.alignment import domain_accuracy
from tfdcu.distill.alignment import domain_loss
from tfdcu.distill.alignment import reverse_gradient


def adversarial(domain, features, num_labeled, scale):
    """The classifier learns to tell the pools; its gradient is reversed."""
    guess = domain(features, scale=scale)  # (batch, 1)
    sides = guess[:num_labeled], guess[num_labeled:]
    return domain_loss(*sides), domain_accuracy(*sides)


def matching(distance):
    """A way to align that makes a distance of the two pools small.

    The domain classifier still learns, for `domain_accuracy`, but no gradient
    leaves it, and the loss is the distance alone.

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


def resolve_align(align):
    """Turn the `align` argument into a way to align.

    Args:
        align: `"adversarial"`, or a function of labeled and unlabeled
            features, float32 (n, ..., channels) and (m, ..., channels), to a
            scalar.

    Returns:
        A function of domain classifier, features, `num_labeled` and scale.

    Raises:
        ValueError: If it is neither.
    """
    if callable(align):
        return matching(align)
    if align != "adversarial":
        raise ValueError(
            "Unknown way to align the pools. Expected: 'adversarial' or a "
            "function of (labeled features, unlabeled features). "
            f"Received: align={align!r}"
        )
    return adversarial
