"""Laws of learning from positive and unlabeled rows."""

import numpy as np
import pytest

from tfdcu.pool import positive_unlabeled as pu


def blobs(share, num=1000, num_positive=300, features=4, seed=0):
    """Positives, and a mixture whose first part is like them."""
    generator = np.random.default_rng(seed)
    positive = generator.normal(0, 1, (num_positive, features)) + 3
    pool = generator.normal(0, 1, (num, features))
    pool[: round(share * num)] += 3
    return positive, pool


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_two_blobs_are_separated_and_their_shares_estimated(share):
    scores, found = pu.positive_scores(*blobs(share))
    assert found == pytest.approx(share, abs=0.05)
    like = np.arange(1000) < 1000 * share
    assert np.mean((scores > 0) == like) > 0.98
    top = np.argsort(-scores)[: like.sum()]
    assert like[top].mean() > 0.98


def test_a_pool_of_positives_alone_and_one_without_any():
    assert pu.positive_scores(*blobs(1.0))[1] > 0.9
    assert pu.positive_scores(*blobs(0.0))[1] < 0.05


def test_several_kinds_of_positives_are_all_found():
    # On a line, two kinds stand on both sides of what is neither.
    generator = np.random.default_rng(0)
    sides = np.sign(generator.normal(size=(400, 1)))
    positive = 4 * sides + generator.normal(0, 0.5, (400, 1))
    pool = generator.normal(0, 0.5, (600, 1))
    pool[:200] += 4 * sides[:200]
    scores, share = pu.positive_scores(positive, pool)
    assert share == pytest.approx(1 / 3, abs=0.05)
    assert (np.argsort(-scores)[:200] < 200).mean() > 0.98


def test_the_seed_matters_and_units_do_not():
    positive, pool = blobs(0.5)
    first = pu.positive_scores(positive, pool, seed=1)
    again = pu.positive_scores(positive, pool, seed=1)
    other = pu.positive_scores(positive, pool, seed=2)
    scaled = pu.positive_scores(1024 * positive, 1024 * pool, seed=1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_allclose(first[0], scaled[0], atol=1e-3)
    assert first[1] == again[1] and (first[0] != other[0]).any()


def test_the_share_is_read_where_its_bound_is_lowest():
    # Above 0 lie all positive scores and 300 of 1000 unlabeled ones.
    positive = np.linspace(1, 2, 500)
    unlabeled = np.concatenate([np.linspace(1, 2, 300), np.full(700, -1.0)])
    found = pu.share_of_positives(positive, unlabeled)
    assert found == pytest.approx(0.3, abs=0.002)
    assert pu.share_of_positives(positive, positive) == 1.0
    assert pu.share_of_positives(positive, -positive) == 0.0


def risk(positive, unlabeled, prior):
    """Both terms of the risk, without the cut at 0."""
    first = prior * np.mean(1 / (1 + np.exp(positive)))
    second = np.mean(1 / (1 + np.exp(-unlabeled)))
    return first, second - prior * np.mean(1 / (1 + np.exp(-positive)))


@pytest.mark.parametrize("level", [1.0, -5.0])
def test_the_gradient_is_that_of_the_non_negative_risk(level):
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 1, 5), generator.normal(level, 1, 7)
    terms = risk(*scores, 0.4)
    assert (terms[1] < 0) == (level < 0)

    def objective(together):
        first, second = risk(together[:5], together[5:], 0.4)
        return -second if level < 0 else first + second

    together = np.concatenate(scores)
    steps = 1e-6 * np.eye(12)
    expected = [
        (objective(together + one) - objective(together - one)) / 2e-6
        for one in steps
    ]
    received = pu.risk_gradient(*scores, 0.4)
    np.testing.assert_allclose(received, expected, atol=1e-8)


def test_backward_is_the_gradient_of_forward():
    generator = np.random.default_rng(0)
    rows, slope = generator.normal(size=(6, 3)), generator.normal(size=6)
    network = [generator.normal(size=shape) for shape in ((3, 8), 8, 8, 1)]
    hidden, _ = pu.forward(network, rows)
    slopes = pu.backward(network, rows, hidden, slope)
    for index, array in enumerate(network):
        moved = [one.copy() for one in network]
        moved[index].flat[0] += 1e-6
        change = pu.forward(moved, rows)[1] - pu.forward(network, rows)[1]
        expected = (change * slope).sum() / 1e-6
        received = np.reshape(slopes[index], -1)[0]
        assert received == pytest.approx(expected, rel=1e-4), array.shape
