"""Proxy A-distance between two sets of features."""

import numpy as np
import threadpoolctl

NUM_FOLDS = 5


def proxy_a_distance(first, second, *, seed=0):
    """Proxy A-distance of two sets: 2 (1 - 2 error of a domain classifier).

    The error is the cross-validated, balanced error of a logistic regression
    on standardized features, trained with balanced class weights. Errors
    above 0.5 give 0.

    Reference: Ben-David et al. 2010, "A theory of learning from different
    domains"; the proxy, with a linear classifier, as in Ganin et al. 2016,
    arXiv:1409.7495, section 5.1.

    Args:
        first: Array (n, features), n at least 5.
        second: Array (m, features), m at least 5.
        seed: Int, for splitting into five folds. Defaults to 0.

    Returns:
        Float from 0 (indistinguishable) to 2 (perfectly separable).

    Raises:
        ValueError: If a set has fewer rows than there are folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sizes = len(first), len(second)
    if min(sizes) < NUM_FOLDS:
        raise ValueError(
            "There are too few rows for cross-validation. Expected: at least "
            f"{NUM_FOLDS} in both sets. Received: {sizes[0]} and {sizes[1]}"
        )
    sides = np.repeat([0, 1], sizes)
    classifier = make_pipeline(
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    rows = np.concatenate([first, second]).astype("float64")
    # Threads slow down such small problems, ten times on a busy machine.
    with threadpoolctl.threadpool_limits(1):
        predicted = cross_val_predict(classifier, rows, sides, cv=folds)
    wrong = predicted != sides
    error = (wrong[sides == 0].mean() + wrong[sides == 1].mean()) / 2
    return max(0.0, float(2 * (1 - 2 * error)))
