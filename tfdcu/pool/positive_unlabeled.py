"""Which images of a pool are like the labeled ones: learned from positives."""

import numpy as np
import threadpoolctl

# All of these are ours, chosen on blobs and on the embedded digits.
WIDTH = 32
STEPS = 400
BATCH = 512
RATE = 3e-3
DECAY = 5e-3
FOLDS = 3
# The classifier is trained with a share of positives within these bounds.
PRIORS = 0.05, 0.95
# Garg et al. 2021: confidence of the bound, and its slack.
DELTA, SLACK = 0.1, 0.01


def positive_scores(positive, unlabeled, *, seed=0):
    """How much each unlabeled row is like the positive ones, and the share.

    A network with one hidden layer of 32 units is trained with the
    non-negative risk of `pu_slope`. The share of positives, which that risk
    needs, is estimated first: networks trained with a share of a half score
    the rows that they were not trained on (three folds), and
    `share_of_positives` reads it from these scores.

    Reference: Kiryo et al. 2017, "Positive-unlabeled learning with
    non-negative risk estimator", arXiv:1703.00593; the use on a pool is that
    of Xu et al. 2019, "Positive-unlabeled compression on the cloud",
    arXiv:1909.09757. Network, folds and numbers are ours.

    Args:
        positive: Array (n, features), n at least 3.
        unlabeled: Array (m, features), m at least 3.
        seed: Int. Defaults to 0.

    Returns:
        (scores, share): float array (m,), higher where more alike, above 0
        where the network would say positive; and the estimated share of
        positives among the unlabeled rows, in [0, 1].
    """
    generator = np.random.default_rng(seed)
    mean, deviation = unlabeled.mean(0), unlabeled.std(0)
    # A channel that is silent in the pool has no scale of its own.
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    sides = [
        ((side - mean) / deviation).astype("float32")
        for side in (positive, unlabeled)
    ]
    # Of so small a network, threads make a slower one: ten times, when busy.
    with threadpoolctl.threadpool_limits(1):
        return scored(*sides, generator)


def scored(positive, unlabeled, generator):
    """See `positive_scores`; takes standardized rows."""
    sides = positive, unlabeled
    folds = [generator.permutation(len(side)) % FOLDS for side in sides]
    scores = [np.empty(len(side)) for side in sides]
    for fold in range(FOLDS):
        seen = [s[f != fold] for s, f in zip(sides, folds, strict=True)]
        network = trained(*seen, 0.5, generator)
        for side, part, score in zip(sides, folds, scores, strict=True):
            score[part == fold] = forward(network, side[part == fold])[1]
    share = share_of_positives(*scores)
    network = trained(*sides, float(np.clip(share, *PRIORS)), generator)
    return forward(network, sides[1])[1], share


def share_of_positives(positive, unlabeled):
    """How many of the unlabeled scores are those of positives.

    Above any threshold lies a share q_u of the unlabeled and q_p of the
    positive scores, and the positives are at most q_u / q_p of the unlabeled
    ones. The answer is that ratio where its upper bound is the lowest:
    the best bin of Garg et al. 2021, "Mixture proportion estimation and PU
    learning: a modern approach", arXiv:2111.00980, with a bound that holds
    with a probability of 0.9.

    Args:
        positive: Array (n,) of scores that no training saw.
        unlabeled: Array (m,), likewise.

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


def trained(positive, unlabeled, prior, generator):
    """A network that tells positives, trained with Adam.

    Args:
        positive: Array (n, features), standardized.
        unlabeled: Array (m, features), likewise.
        prior: Float in (0, 1), the share of positives among the unlabeled;
            it is taken for a half in the first half of the steps.
        generator: A `numpy.random.Generator`.

    Returns:
        List of the network's four arrays.
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
        few = drawn(positive, generator)
        rows = np.concatenate([few, drawn(unlabeled, generator)])
        hidden, scores = forward(network, rows)
        # With few positives in the pool one of several kinds may never be
        # found: in 6 of 10 draws of two kinds on a line, against none so.
        now = 0.5 if step <= STEPS // 2 else prior
        slope = pu_slope(scores[: len(few)], scores[len(few) :], now)
        slopes = backward(network, rows, hidden, slope)
        for index, moment in enumerate(moments):
            gradient = slopes[index] + DECAY * network[index]
            moment[0] += 0.1 * (gradient - moment[0])
            moment[1] += 0.001 * (gradient**2 - moment[1])
            first = moment[0] / (1 - 0.9**step)
            second = moment[1] / (1 - 0.999**step)
            network[index] -= RATE * first / (np.sqrt(second) + 1e-8)
    return network


def drawn(rows, generator):
    """At most a batch of the rows, at random."""
    if len(rows) <= BATCH:
        return rows
    return rows[generator.integers(0, len(rows), BATCH)]


def forward(network, rows):
    """The hidden values (n, 32) and the scores (n,) of some rows."""
    hidden = np.maximum(rows @ network[0] + network[1], 0)
    return hidden, hidden @ network[2] + network[3]


def backward(network, rows, hidden, slope):
    """Slopes of the network's arrays, of the slopes (n,) of the scores."""
    inner = np.outer(slope, network[2]) * (hidden > 0)
    return [rows.T @ inner, inner.sum(0), hidden.T @ slope, slope.sum()]


def pu_slope(positive, unlabeled, prior):
    """Slopes of the non-negative risk with respect to the scores.

    With l(z) = 1 / (1 + e^z) the risk is prior * mean l(positive) plus
    max(0, mean l(-unlabeled) - prior * mean l(-positive)). Where the second
    term is below 0, the step goes back up that term alone: Kiryo et al.
    2017, algorithm 1, with beta 0 and gamma 1.

    Args:
        positive: Float (n,), scores.
        unlabeled: Float (m,), scores.
        prior: Float in (0, 1).

    Returns:
        Float (n + m,), those of the positives first.
    """
    says = [1 / (1 + np.exp(-side)) for side in (positive, unlabeled)]
    slopes = [one * (1 - one) / len(one) for one in says]
    negative = [-prior * slopes[0], slopes[1]]
    if says[1].mean() < prior * says[0].mean():
        return -np.concatenate(negative)
    return np.concatenate([negative[0] - prior * slopes[0], negative[1]])
