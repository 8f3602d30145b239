"""Confidence and coverage of logits, by hand."""

import numpy as np
import pytest

from tfdcu.pool.diagnose import confidence
from tfdcu.pool.diagnose import coverage


def logits_of(*probabilities):
    return np.log(np.array(probabilities, "float32"))


def choices(*counts):
    """Logits with the given number of predictions of each class."""
    return np.eye(len(counts))[np.repeat(np.arange(len(counts)), counts)]


def test_confidence_by_hand():
    found = confidence(
        logits_of([0.5, 0.5], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1], [1, 1e-30])
    )
    assert found["confidence_mean"] == pytest.approx(3.8 / 5)
    quartiles = [found[f"confidence_{q}"] for q in ("q1", "median", "q3")]
    assert quartiles == pytest.approx([0.6, 0.8, 0.9])


def test_the_entropy_is_that_of_each_image():
    even = [0.25] * 4
    sure = [1.0, 1e-30, 1e-30, 1e-30]
    found = confidence(logits_of(even, sure))
    assert found["entropy_mean"] == pytest.approx(np.log(4) / 2)


def test_a_constant_added_to_the_logits_changes_nothing():
    logits = np.random.default_rng(0).normal(size=(9, 3))
    moved = confidence(logits + 100)
    assert moved == pytest.approx(confidence(logits))


def test_even_choices_count_all_classes():
    found = coverage(choices(10, 10, 10, 10))
    assert found["shares"] == [0.25] * 4
    assert found["effective_classes"] == pytest.approx(4)
    assert found["scarce_classes"] == []


def test_a_pool_of_one_class():
    found = coverage(choices(0, 0, 30))
    assert found["shares"] == [0, 0, 1]
    assert found["effective_classes"] == pytest.approx(1)
    assert found["scarce_classes"] == [0, 1]


def test_a_tenth_of_the_even_share_is_not_scarce_and_less_is():
    assert coverage(choices(2, 38))["scarce_classes"] == []
    assert coverage(choices(1, 39))["scarce_classes"] == [0]


def test_too_few_images_tell_no_scarce_classes():
    found = coverage(choices(0, 19))
    assert found["scarce_classes"] is None
    assert found["enough_images"] == 20
