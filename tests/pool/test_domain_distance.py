"""Laws of the proxy A-distance: 0 for equal sets, 2 for separable ones."""

import numpy as np
import pytest

from tfdcu.pool.domain_distance import proxy_a_distance


def cloud(num, mean=0.0, seed=0, size=4):
    return np.random.default_rng(seed).normal(mean, 1, (num, size))


def test_identical_sets_are_at_distance_0():
    rows = cloud(60)
    assert proxy_a_distance(rows, rows) == 0


def test_draws_of_one_distribution_are_near_0():
    assert proxy_a_distance(cloud(200, seed=1), cloud(300, seed=2)) < 0.3


def test_disjoint_sets_are_at_distance_2_whatever_their_sizes():
    assert proxy_a_distance(cloud(10, 100), cloud(200, -100)) == 2


def test_the_distance_is_that_of_a_known_error():
    # One of four rows lies on the wrong side of the gap between the sets.
    first = np.where(np.arange(80) % 4, 1.0, -1.0)[:, None]
    assert proxy_a_distance(first, -first) == pytest.approx(1, abs=0.05)


def test_scale_and_origin_of_the_features_do_not_matter():
    first, second = cloud(40, 0.5, seed=1), cloud(60, seed=2)
    expected = proxy_a_distance(first, second)
    assert 0 < expected < 2
    assert proxy_a_distance(1e3 * first + 7, 1e3 * second + 7) == expected


def test_the_same_seed_gives_the_same_number():
    sides = cloud(30, 0.5, seed=1), cloud(30, seed=2)
    assert proxy_a_distance(*sides, seed=3) == proxy_a_distance(*sides, seed=3)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 5.*Received: 4 and 9"):
        proxy_a_distance(cloud(4), cloud(9))


def test_few_rows_and_many_are_separated_as_well():
    generator = np.random.default_rng(0)
    few = generator.normal(size=(30, 4)) + 1
    many = generator.normal(size=(900, 4))
    alike = proxy_a_distance(few, many[:30])
    assert proxy_a_distance(few, many) == pytest.approx(alike, abs=0.3)
    assert alike > 0.8
