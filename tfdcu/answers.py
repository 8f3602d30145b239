"""What a classifier's answers tell: how sure it is, and of which classes."""

import numpy as np
import tensorflow as tf

# Both are ours. A class with less than this part of its even share is scarce.
SCARCE = 0.1
# With fewer images a class than this, chance alone makes classes scarce.
PER_CLASS = 10


def confidence(logits):
    """How sure the teacher is, at temperature 1.

    Args:
        logits: Array (num, classes).

    Returns:
        Dict of the mean and quartiles of the largest probability, and of the
        mean entropy in nats.
    """
    logs = np.asarray(tf.nn.log_softmax(logits.astype("float64")))
    largest = np.exp(logs.max(1))
    first, median, third = np.quantile(largest, [0.25, 0.5, 0.75])
    return {
        "confidence_mean": largest.mean(),
        "confidence_q1": first,
        "confidence_median": median,
        "confidence_q3": third,
        "entropy_mean": -(np.exp(logs) * logs).sum(1).mean(),
    }


def coverage(logits):
    """Which classes a pool holds, by the teacher's first choice.

    Args:
        logits: Array (num, classes).

    Returns:
        Dict of `shares`, `enough_images`, `effective_classes` and
        `scarce_classes`.
    """
    num, classes = logits.shape
    shares = np.bincount(logits.argmax(1), minlength=classes) / num
    there = shares[shares > 0]
    scarce = np.flatnonzero(shares < SCARCE / classes).tolist()
    return {
        "shares": shares.tolist(),
        "enough_images": PER_CLASS * classes,
        "effective_classes": np.exp(-(there * np.log(there)).sum()),
        "scarce_classes": scarce if num >= PER_CLASS * classes else None,
    }
