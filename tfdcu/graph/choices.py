"""What is chosen from outputs, and how good the choices are."""

import math

import numpy as np

# Bytes of the float32 outputs that are held at once.
_OUTPUT_BYTES = 2**28


def most_images(output_shapes, num):
    """`num`, or fewer if the outputs would not fit 256 MiB; at least 1.

    Args:
        output_shapes: List of the shapes of the outputs for one image; sizes
            may be `None`.
        num: Int.

    Returns:
        Int from 1 to `num`.
    """
    values = sum(
        math.prod(size or 256 for size in shape) for shape in output_shapes
    )
    return max(1, min(num, _OUTPUT_BYTES // (4 * values)))


def choices(outputs, kind, threshold=0.0):
    """The choices that outputs stand for.

    Args:
        outputs: Array (batch, ..., classes), scores of classes or labels.
        kind: "classes" or "labels", see `tfdcu/graph/ends.py`.
        threshold: Float, above which a label holds; 0 of logits, 0.5 of
            probabilities.

    Returns:
        Int array (batch, ...), the highest class; for labels whether each
        holds, (batch, ..., labels), and (batch, ...) for maps of one label.
    """
    outputs = np.asarray(outputs)
    if kind == "classes":
        return outputs.argmax(axis=-1).astype("int32")
    chosen = (outputs > threshold).astype("int32")
    if outputs.ndim > 2 and outputs.shape[-1] == 1:
        return chosen[..., 0]
    return chosen


def average_precision(labels, scores):
    """Average precision of one label: the area under precision and recall.

    The mean, over the images that have the label, of the share of them among
    all images with a score at least as high. Reference: Salton & McGill 1983;
    images with equal scores count together, as in scikit-learn.

    Args:
        labels: Array (n,) of 0 and 1.
        scores: Float array (n,), higher for images that rather have it.

    Returns:
        Float in (0, 1], or NaN if no image has the label.
    """
    labels = np.asarray(labels, bool)
    if not labels.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked, held = scores[order], labels[order]
    # The last place of each image's score.
    last = np.searchsorted(-ranked, -ranked, side="right") - 1
    precision = np.cumsum(held) / np.arange(1, len(held) + 1)
    return float(precision[last][held].mean())


def mean_average_precision(labels, scores):
    """The mean of the average precision over all labels that occur (macro).

    Args:
        labels: Array (n, labels) of 0 and 1.
        scores: Float array (n, labels).

    Returns:
        Float in (0, 1], or `None` if no label occurs.
    """
    each = [average_precision(*one) for one in zip(labels.T, scores.T)]
    occurring = [value for value in each if not np.isnan(value)]
    return float(np.mean(occurring)) if occurring else None


def mean_iou(labels, chosen):
    """Intersection over union, averaged over the classes that occur.

    Args:
        labels: Int array of any shape, the classes.
        chosen: Int array of the same shape, the predicted classes.

    Returns:
        Float in [0, 1].
    """
    found = np.union1d(np.unique(labels), np.unique(chosen))
    pairs = [(labels == one, chosen == one) for one in found]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))
