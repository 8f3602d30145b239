"""Positive-unlabeled learning: which rows resemble the positive ones."""

import numpy as np
import threadpoolctl

# Chosen on synthetic clusters and on the embedded digits.
WIDTH = 32
STEPS = 400
BATCH = 512
RATE = 3e-3
DECAY = 5e-3
FOLDS = 3
# Bounds of the share of positives used in training.
PRIORS = 0.05, 0.95
# Garg et al. 2021: failure probability of the bound, and its slack.
DELTA, SLACK = 0.1, 0.01


def positive_scores(positive, unlabeled, *, seed=0):
    """Score how similar unlabeled rows are to positive ones.

    A network with one hidden layer of 32 units is trained with the
    non-negative risk of `risk_gradient`. The share of positives that the risk
    needs is estimated first by `share_of_positives`, from held-out scores
    (three folds) of networks trained with a share of 0.5.

    Reference: Kiryo et al. 2017, "Positive-unlabeled learning with
    non-negative risk estimator", arXiv:1703.00593, as used by Xu et al. 2019,
    "Positive-unlabeled compression on the cloud", arXiv:1909.09757.

    Args:
        positive: Array (n, features), n at least 3.
        unlabeled: Array (m, features), m at least 3.
        seed: Int. Defaults to 0.

    Returns:
        (scores, share): float array (m,), higher for more similar rows and
        above 0 for those classified as positive; and the estimated share of
        positives among the unlabeled rows, in [0, 1].
    """
    generator = np.random.default_rng(seed)
    mean, deviation = unlabeled.mean(0), unlabeled.std(0)
    # Features that are constant in the pool are not scaled.
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    sides = [
        ((side - mean) / deviation).astype("float32")
        for side in (positive, unlabeled)
    ]
    # Threads slow down such a small network, ten times on a busy machine.
    with threadpoolctl.threadpool_limits(1):
        return cross_fit(*sides, generator)


def cross_fit(positive, unlabeled, generator):
    """`positive_scores` of standardized rows."""
    sides = positive, unlabeled
    folds = [generator.permutation(len(side)) % FOLDS for side in sides]
    scores = [np.empty(len(side)) for side in sides]
    for fold in range(FOLDS):
        training = [s[f != fold] for s, f in zip(sides, folds, strict=True)]
        network = train_network(*training, 0.5, generator)
        for side, part, score in zip(sides, folds, scores, strict=True):
            score[part == fold] = forward(network, side[part == fold])[1]
    share = share_of_positives(*scores)
    network = train_network(*sides, float(np.clip(share, *PRIORS)), generator)
    return forward(network, sides[1])[1], share


def share_of_positives(positive, unlabeled):
    """Estimate the share of positives among unlabeled scores.

    If q_u and q_p are the shares of the unlabeled and the positive scores
    above a threshold, at most q_u / q_p of the unlabeled rows are positive.
    Returns this ratio at the threshold with the lowest upper bound (90 %
    confidence): the best bin of Garg et al. 2021, "Mixture proportion
    estimation and PU learning: a modern approach", arXiv:2111.00980.

    Args:
        positive: Array (n,), held-out scores of positive rows.
        unlabeled: Array (m,), held-out scores of unlabeled rows.

    Returns:
        Float in [0, 1].
    """
    sizes = len(positive), len(unlabeled)
    thresholds = np.sort(positive)
    above = np.searchsorted(np.sort(unlabeled), thresholds)
    ratio = 1 - above / sizes[1]
    kept = 1 - np.arange(sizes[0]) / sizes[0]
    error = sum(np.sqrt(np.log(4 / DELTA) / (2 * size)) for size in sizes)
    best = np.argmin((ratio + (1 + SLACK) * error) / kept)
    return float(min(1.0, ratio[best] / kept[best]))


def train_network(positive, unlabeled, prior, generator):
    """Train a classifier of positive rows with Adam.

    Args:
        positive: Array (n, features), standardized.
        unlabeled: Array (m, features), standardized.
        prior: Float in (0, 1), the share of positives among the unlabeled;
            0.5 is used in the first half of the steps.
        generator: A `numpy.random.Generator`.

    Returns:
        List of the network's four weight arrays.
    """
    features = positive.shape[1]
    network = [
        generator.normal(0, np.sqrt(2 / features), (features, WIDTH)),
        np.zeros(WIDTH),
        generator.normal(0, np.sqrt(1 / WIDTH), WIDTH),
        np.zeros(1),
    ]
    network = [array.astype("float32") for array in network]
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in network]
    for step in range(1, STEPS + 1):
        batch = sample_rows(positive, generator)
        rows = np.concatenate([batch, sample_rows(unlabeled, generator)])
        hidden, scores = forward(network, rows)
        # With a low prior from the start, one of several clusters of positives
        # may be missed: in 6 of 10 trials with two clusters, in none with 0.5.
        now = 0.5 if step <= STEPS // 2 else prior
        slope = risk_gradient(scores[: len(batch)], scores[len(batch) :], now)
        gradients = backward(network, rows, hidden, slope)
        for index, moment in enumerate(moments):
            gradient = gradients[index] + DECAY * network[index]
            moment[0] += 0.1 * (gradient - moment[0])
            moment[1] += 0.001 * (gradient**2 - moment[1])
            first = moment[0] / (1 - 0.9**step)
            second = moment[1] / (1 - 0.999**step)
            network[index] -= RATE * first / (np.sqrt(second) + 1e-8)
    return network


def sample_rows(rows, generator):
    """A random batch of rows; all of them if there are at most BATCH."""
    if len(rows) <= BATCH:
        return rows
    return rows[generator.integers(0, len(rows), BATCH)]


def forward(network, rows):
    """Hidden activations (n, 32) and scores (n,)."""
    hidden = np.maximum(rows @ network[0] + network[1], 0)
    return hidden, hidden @ network[2] + network[3]


def backward(network, rows, hidden, slope):
    """Gradients of the weights, given those of the scores, (n,)."""
    inner = np.outer(slope, network[2]) * (hidden > 0)
    return [rows.T @ inner, inner.sum(0), hidden.T @ slope, slope.sum()]


def risk_gradient(positive, unlabeled, prior):
    """Gradient of the non-negative risk with respect to the scores.

    With l(z) = 1 / (1 + e^z) the risk is prior * mean l(positive) plus
    max(0, mean l(-unlabeled) - prior * mean l(-positive)). If the second term
    is negative, the step ascends that term alone: Kiryo et al. 2017,
    algorithm 1, with beta 0 and gamma 1.

    Args:
        positive: Float (n,), scores.
        unlabeled: Float (m,), scores.
        prior: Float in (0, 1).

    Returns:
        Float (n + m,), positives first.
    """
    sigmoids = [1 / (1 + np.exp(-side)) for side in (positive, unlabeled)]
    slopes = [s * (1 - s) / len(s) for s in sigmoids]
    negative = [-prior * slopes[0], slopes[1]]
    if sigmoids[1].mean() < prior * sigmoids[0].mean():
        return -np.concatenate(negative)
    return np.concatenate([negative[0] - prior * slopes[0], negative[1]])
