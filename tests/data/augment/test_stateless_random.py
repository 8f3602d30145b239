"""Draws are uniform and independent, also for consecutive seeds."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.data.augment import stateless_random

NUM = 100_000
# Views 0 and 1 of images 0, 1, 2, ..., as `view_seeds` numbers them.
IDS = np.arange(NUM, dtype="int64")
ONES = np.ones(NUM, "int64")


def drawn(first, second, num=4):
    seeds = tf.constant(np.stack([first, second], 1))
    return stateless_random.uniform(seeds, num).numpy()


@pytest.mark.parametrize(
    "seeds",
    [
        (0 * ONES, IDS),
        ((7 << 32) * ONES, IDS),
        (IDS, 3 * ONES),
        ((IDS % 2**30) << 32, 0 * ONES),
    ],
    ids=["ids", "ids of another seed", "views", "seeds"],
)
def test_draws_of_consecutive_numbers_are_uniform(seeds):
    values = drawn(*seeds)
    assert values.dtype == np.float32
    assert 0 <= values.min() and values.max() < 1
    # Each bound is 4.5 standard deviations of its statistic.
    bound = 4.5 / np.sqrt(NUM)
    assert abs(values.mean(0) - 1 / 2).max() < bound * np.sqrt(1 / 12)
    assert abs(values.var(0) - 1 / 12).max() < bound * np.sqrt(1 / 180)
    for column in values.T:
        counts = np.bincount((column * 100).astype(int), minlength=100)
        chi_square = ((counts - NUM / 100) ** 2 / (NUM / 100)).sum()
        assert abs(chi_square - 99) < 4.5 * np.sqrt(2 * 99)
    # What comes after one another is unrelated, and so are the draws.
    pairs = [(column[:-1], column[1:]) for column in values.T]
    pairs += [(values[:, i], values[:, j]) for i in range(4) for j in range(i)]
    for first, second in pairs:
        assert abs(np.corrcoef(first, second)[0, 1]) < bound


def test_another_view_or_seed_of_the_same_images_is_unrelated():
    first = drawn(0 * ONES, IDS)
    for other in (drawn(ONES, IDS), drawn((1 << 32) * ONES, IDS)):
        for i in range(4):
            for j in range(4):
                related = np.corrcoef(first[:, i], other[:, j])[0, 1]
                assert abs(related) < 4.5 / np.sqrt(NUM)


def test_the_order_of_the_two_numbers_of_a_seed_matters():
    assert not np.array_equal(drawn([3], [5]), drawn([5], [3]))


def test_a_draw_depends_on_its_own_seed_alone():
    every = drawn(5 * ONES[:100], IDS[:100])
    np.testing.assert_array_equal(drawn([5], [42])[0], every[42])
    np.testing.assert_array_equal(drawn([5], [42], 2)[0], every[42, :2])


def test_the_mixing_is_that_of_splitmix64():
    """The reference program's first words from the state 1234567."""
    steps = np.arange(1, 4, dtype="uint64") * np.uint64(0x9E3779B97F4A7C15)
    words = stateless_random.mixed(tf.constant(steps + np.uint64(1234567)))
    assert words.numpy().tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
