"""Which images of a pool to learn from: an order, and how many without labels.

Each method is a function of what a teacher said to (scores, num): the images
with the highest scores are kept first, and `num` is how many are kept where
nobody says how many.
"""

import numpy as np
import tensorflow as tf

from tfdcu.pool.positive_unlabeled import positive_scores

# With fewer labeled images, what is like them is mostly chance.
FEWEST_POSITIVES = 10


def by_confidence(answers, seed):
    """The surest first; as many as the surer of two groups has.

    The score is log max p, so the first are those with the lowest loss
    against the teacher's own choice: Chen et al. 2021, "Learning student
    networks in the wild" (DFND, CVPR), which keeps a given number.
    """
    sure = confidences(answers)
    return np.log(sure), surer_group(sure)


def by_balance(answers, seed):
    """From each class in turn its surest; no class more than the median one.

    A class is the teacher's first choice.
    """
    classes = answers["logits"].argmax(1)
    return in_turns(classes, confidences(answers)), capped(classes)


def check_enough(by, num_labeled, num_unlabeled):
    """Raise if there are too few images to choose by.

    Args:
        by: As in `tfdcu.select_pool`.
        num_labeled, num_unlabeled: Ints, images of both kinds.
    """
    if by != "nnpu":
        return
    if num_labeled < FEWEST_POSITIVES:
        raise ValueError(
            "What is like the labeled images is learned from them. Expected: "
            f"at least {FEWEST_POSITIVES} labeled images for by='nnpu'. "
            f"Received: {num_labeled}"
        )
    if num_unlabeled < FEWEST_POSITIVES:
        raise ValueError(
            "There is nothing to choose from. Expected: at least "
            f"{FEWEST_POSITIVES} images of the pool for by='nnpu'. Received: "
            f"{num_unlabeled}"
        )


def by_nnpu(answers, seed):
    """What is most like the labeled images first; their share of the pool.

    See `positive_scores`, which works on the teacher's features.
    """
    positive, unlabeled = answers["labeled"]["features"], answers["features"]
    check_enough("nnpu", len(positive), len(unlabeled))
    scores, share = positive_scores(positive, unlabeled, seed=seed)
    return scores, round(share * len(scores))


SELECTIONS = {
    "confidence": by_confidence,
    "balance": by_balance,
    "nnpu": by_nnpu,
}


def resolve_selection(by):
    """Turn the `by` of `tfdcu.select_pool` into `(answers, seed) -> (scores,
    num)`.

    Args:
        by: A name in `SELECTIONS`, or a function from answers to scores.

    Returns:
        A function.

    Raises:
        ValueError: If the name is unknown; in the function, if scores are not
            a finite number for each image.
    """
    if not callable(by) and by not in SELECTIONS:
        raise ValueError(
            "Unknown way to choose images of a pool. Expected: one of "
            f"{sorted(SELECTIONS)}, or a function from the teacher's answers "
            f"to scores. Received: by={by!r}"
        )
    if not callable(by):
        return SELECTIONS[by]

    def by_function(answers, seed):
        scores = np.asarray(by(answers), "float64")
        num = len(answers["logits"])
        if scores.shape != (num,) or not np.isfinite(scores).all():
            raise ValueError(
                "The scores of `by` cannot be used. Expected: a finite number "
                f"for each image, of shape ({num},). Received: shape "
                f"{scores.shape}, {int((~np.isfinite(scores)).sum())} of them "
                "not finite"
            )
        return scores, surer_group(scores)

    return by_function


def confidences(answers):
    """Each image's largest probability at temperature 1: (num,)."""
    logits = answers["logits"].astype("float64")
    return np.exp(tf.nn.log_softmax(logits).numpy().max(1))


def in_turns(groups, worth):
    """Scores by which each group gives one image in turn, its best first.

    Args:
        groups: Int array (num,).
        worth: Float array (num,) in (0, 1]: which of a group comes first, and
            in each turn which of the groups.

    Returns:
        Float array (num,): the worth less the image's place in its group.
    """
    order = np.lexsort((-worth, groups))
    sizes = np.unique(groups, return_counts=True)[1]
    places = np.empty(len(groups))
    places[order] = np.concatenate([np.arange(size) for size in sizes])
    return worth - places


def capped(groups):
    """How many images are left if no group has more than the median one."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int(np.minimum(sizes, np.median(sizes)).sum())


def surer_group(scores):
    """How many images the higher of two groups of scores has.

    The two groups between whose means the variance is greatest: Otsu 1979,
    "A threshold selection method from gray-level histograms".

    Args:
        scores: Float array (num,).

    Returns:
        Int from 1 to num; num where all scores are equal.
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
