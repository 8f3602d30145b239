"""How far two pools of images lie apart: whether a straight line tells them."""

import numpy as np
import threadpoolctl

NUM_FOLDS = 5


def proxy_a_distance(first, second, *, seed=0):
    """The proxy A-distance of two sets: 2 (1 - 2 error of telling them apart).

    The error is that of a logistic regression on standardized features,
    cross-validated, and the mean of both sides' errors, so that sets of
    unequal size count alike; training weighs both sides alike too. Cross-
    validation, the balance, and 0 where the error is above a half are ours.

    Reference: Ben-David et al. 2010, "A theory of learning from different
    domains"; the proxy, with a linear classifier, as in Ganin et al. 2016,
    arXiv:1409.7495, section 5.1.

    Args:
        first: Array (n, features), n at least 5.
        second: Array (m, features), m at least 5.
        seed: Int, deals the rows to the five folds. Defaults to 0.

    Returns:
        Float from 0 (cannot be told apart) to 2 (always told apart).

    Raises:
        ValueError: If a side has fewer rows than there are folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sizes = len(first), len(second)
    if min(sizes) < NUM_FOLDS:
        raise ValueError(
            "A distance needs rows to leave out. Expected: at least "
            f"{NUM_FOLDS} on both sides. Received: {sizes[0]} and {sizes[1]}"
        )
    sides = np.repeat([0, 1], sizes)
    classifier = make_pipeline(
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    rows = np.concatenate([first, second]).astype("float64")
    # Of so small a problem, threads make a slower one: ten times, when busy.
    with threadpoolctl.threadpool_limits(1):
        guesses = cross_val_predict(classifier, rows, sides, cv=folds)
    wrong = guesses != sides
    error = (wrong[sides == 0].mean() + wrong[sides == 1].mean()) / 2
    return max(0.0, float(2 * (1 - 2 * error)))
