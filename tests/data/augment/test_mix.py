"""Mixup and CutMix computed by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.data.augment import mix

IMAGES, PARTNERS = tiny.images(6, size=10), tiny.images(6, size=10, seed=1)
DRAWS = np.random.default_rng(0).random((6, 4)).astype("float32")


def mixed(name, draws=DRAWS):
    function = mix.MIXES[name]
    return function(*map(tf.constant, (IMAGES, PARTNERS, draws))).numpy()


def test_mixup_is_the_weighted_mean():
    weight = DRAWS[:, 0, None, None, None]
    expected = weight * IMAGES + (1 - weight) * PARTNERS
    np.testing.assert_allclose(mixed("mixup"), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("draws", "box"),
    [
        # The larger of two draws is the side: 4 of 10 pixels, around (5, 3).
        ((0.1, 0.4, 0.5, 0.3), (3, 7, 1, 5)),
        ((0.4, 0.1, 0.5, 0.3), (3, 7, 1, 5)),
        # It ends at the border.
        ((0.6, 0.0, 0.0, 0.95), (0, 3, 6, 10)),
        ((0.99, 0.0, 0.5, 0.5), (1, 9, 1, 9)),
        ((0.1, 0.1, 0.5, 0.5), (0, 0, 0, 0)),
    ],
)
def test_cutmix_fills_a_box(draws, box):
    expected = IMAGES.copy()
    top, bottom, left, right = box
    inside = np.s_[:, top:bottom, left:right]
    expected[inside] = PARTNERS[inside]
    views = mixed("cutmix", np.float32([draws] * 6))
    np.testing.assert_array_equal(views, expected)


def test_the_area_of_the_box_is_uniform_before_clipping():
    draws = np.random.default_rng(1).random((20_000, 4)).astype("float32")
    # In the middle no box meets the border.
    draws[:, 2:] = 0.5
    ones = tf.ones((20_000, 100, 100, 1), "bool")
    share = tf.reduce_mean(
        tf.cast(mix.cutmix(~ones, ones, tf.constant(draws)), "float16"),
        (1, 2, 3),
    ).numpy()
    # Sides are even numbers of pixels, up to two too small.
    quantiles = np.quantile(share.astype("float64"), [0.1, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(quantiles, [0.1, 0.25, 0.5, 0.75], atol=0.03)


@pytest.mark.parametrize("name", mix.MIXES)
def test_a_mix_does_not_leave_the_range_or_depend_on_its_batch(name):
    views = mixed(name)
    assert views.min() >= 0 and views.max() <= 1
    alone = mix.MIXES[name](IMAGES[4:], PARTNERS[4:], DRAWS[4:])
    np.testing.assert_array_equal(alone, views[4:])
