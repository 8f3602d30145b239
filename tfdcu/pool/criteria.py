"""Criteria for `select_pool`.

Each is a function `(outputs, seed) -> (scores, num)` of the teacher's outputs:
images with the highest scores are kept, and `num` is the default number of
images to keep.
"""

import numpy as np
import tensorflow as tf

from tfdcu.pool.positive_unlabeled import positive_scores

# Minimum number of images of each kind for "nnpu".
FEWEST_POSITIVES = 10


def by_confidence(outputs, seed):
    """Highest confidence first; by default the upper group (Otsu).

    The score is the log of the largest probability: Chen et al. 2021,
    "Learning student networks in the wild" (DFND, CVPR), which keeps a given
    number of images.
    """
    confidence = confidences(outputs)
    return np.log(confidence), size_of_upper_group(confidence)


def by_balance(outputs, seed):
    """The most confident images of each predicted class in turn.

    By default no class keeps more images than the class of median size has.
    """
    classes = outputs["logits"].argmax(1)
    return round_robin_scores(classes, confidences(outputs)), capped_size(
        classes
    )


def check_enough(by, num_labeled, num_unlabeled):
    """Raise if there are too few images for `by="nnpu"`.

    Args:
        by: As in `tfdcu.select_pool`.
        num_labeled, num_unlabeled: Ints, numbers of images.
    """
    if by != "nnpu":
        return
    if num_labeled < FEWEST_POSITIVES:
        raise ValueError(
            "There are too few labeled images. Expected: "
            f"at least {FEWEST_POSITIVES} labeled images for by='nnpu'. "
            f"Received: {num_labeled}"
        )
    if num_unlabeled < FEWEST_POSITIVES:
        raise ValueError(
            "There are too few unlabeled images. Expected: at least "
            f"{FEWEST_POSITIVES} images of the pool for by='nnpu'. Received: "
            f"{num_unlabeled}"
        )


def by_nnpu(outputs, seed):
    """Most similar to the labeled images first, by `positive_scores`.

    By default keeps the estimated share of the pool that is like the labeled
    images.
    """
    positive, unlabeled = outputs["labeled"]["features"], outputs["features"]
    check_enough("nnpu", len(positive), len(unlabeled))
    scores, share = positive_scores(positive, unlabeled, seed=seed)
    return scores, round(share * len(scores))


SELECTIONS = {
    "confidence": by_confidence,
    "balance": by_balance,
    "nnpu": by_nnpu,
}


def resolve_selection(by):
    """Resolve `by` of `tfdcu.select_pool` to a criterion.

    Args:
        by: A name in `SELECTIONS`, or a function from outputs to scores.

    Returns:
        A function `(outputs, seed) -> (scores, num)`.

    Raises:
        ValueError: If the name is unknown; from the returned function, if the
            scores are not one finite number per image.
    """
    if not callable(by) and by not in list(SELECTIONS):
        raise ValueError(
            "Invalid value for `by`. Expected: one of "
            f"{sorted(SELECTIONS)}, or a function from the teacher's outputs "
            f"to scores. Received: by={by!r}"
        )
    if not callable(by):
        return SELECTIONS[by]

    def by_function(outputs, seed):
        scores = np.asarray(by(outputs), "float64")
        num = len(outputs["logits"])
        if scores.shape != (num,) or not np.isfinite(scores).all():
            raise ValueError(
                "Invalid scores from `by`. Expected: one finite number per "
                f"image, of shape ({num},). Received: shape "
                f"{scores.shape}, {int((~np.isfinite(scores)).sum())} of them "
                "not finite"
            )
        return scores, size_of_upper_group(scores)

    return by_function


def confidences(outputs):
    """Each image's largest softmax probability, (num,)."""
    logits = outputs["logits"].astype("float64")
    return np.exp(tf.nn.log_softmax(logits).numpy().max(1))


def round_robin_scores(groups, values):
    """Scores that take the best image of each group, then the second best...

    Args:
        groups: Int array (num,), the group of each image.
        values: Float array (num,) in (0, 1], the order within a group and
            within a round.

    Returns:
        Float array (num,): the value minus the image's rank in its group.
    """
    order = np.lexsort((-values, groups))
    sizes = np.unique(groups, return_counts=True)[1]
    ranks = np.empty(len(groups))
    ranks[order] = np.concatenate([np.arange(size) for size in sizes])
    return values - ranks


def capped_size(groups):
    """Number of images if groups are capped at the median group size."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int(np.minimum(sizes, np.median(sizes)).sum())


def size_of_upper_group(scores):
    """Size of the upper of two groups of scores, split by Otsu's method.

    Otsu 1979, "A threshold selection method from gray-level histograms".

    Args:
        scores: Float array (num,).

    Returns:
        Int from 1 to num; num if all scores are equal.
    """
    ordered = np.sort(scores)[::-1]
    if ordered[0] == ordered[-1]:
        return len(ordered)
    sizes = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    higher = sums[:-1] / sizes
    lower = (sums[-1] - sums[:-1]) / sizes[::-1]
    variance = sizes * sizes[::-1] * (higher - lower) ** 2
    return int(sizes[variance.argmax()])
