"""The align term of the loss: adversarial, or a user's function.

Each function takes a layer's domain classifier, the layer's features (labeled
images first), `num_labeled` and the strength of the alignment. It returns two
scalars: the loss and the domain accuracy.
"""

import tensorflow as tf

from tfdcu.distill.alignment import domain_accuracy
from tfdcu.distill.alignment import domain_loss
from tfdcu.distill.alignment import reverse_gradient


def adversarial(domain, features, num_labeled, scale):
    """Domain-adversarial loss: the classifier's gradient is reversed."""
    logits = domain(features, scale=scale)  # (batch, 1)
    sides = logits[:num_labeled], logits[num_labeled:]
    return domain_loss(*sides), domain_accuracy(*sides)


def matching(distance):
    """Alignment that minimizes a distance between the pools' features.

    The domain classifier is still trained, to measure `domain_accuracy`, but
    passes no gradient to the student. The loss is the distance alone.

    Args:
        distance: Function of labeled and unlabeled features to a scalar.

    Returns:
        A function with the arguments of `adversarial`.
    """

    def align(domain, features, num_labeled, scale):
        observed, accuracy = adversarial(domain, features, num_labeled, 0.0)
        # Reversed twice: the gradient times `scale`.
        features = reverse_gradient(tf.cast(features, tf.float32), -scale)
        loss = distance(features[:num_labeled], features[num_labeled:])
        return loss + (observed - tf.stop_gradient(observed)), accuracy

    return align


def resolve_align(align):
    """Resolve the `align` argument to a function like `adversarial`.

    Args:
        align: `"adversarial"`, or a function of labeled and unlabeled
            features, float32 (n, ..., channels) and (m, ..., channels), to a
            scalar.

    Returns:
        A function `(domain, features, num_labeled, scale) -> (loss, accuracy)`.

    Raises:
        ValueError: If it is neither.
    """
    if callable(align):
        return matching(align)
    if align != "adversarial":
        raise ValueError(
            "Invalid value for `align`. Expected: 'adversarial' or a "
            "function of (labeled features, unlabeled features). "
            f"Received: align={align!r}"
        )
    return adversarial
