"""Detection of flat images, noise and duplicates."""

import numpy as np
import pytest

from tests.support import tiny
from tfdcu import data
from tfdcu.data.junk import correlation
from tfdcu.data.junk import spread


def counted(images):
    return data.count_junk(data.junk_measures(images, (0.0, 1.0)))


def ramps(num=4, size=16, channels=3):
    """Smooth images, each with a slope of its own."""
    line = np.linspace(0, 1, size, dtype="float32")
    slopes = np.linspace(0.5, 1, num, dtype="float32")
    images = slopes[:, None, None] * (line[:, None] + line) / 2
    return np.repeat(images[..., None], channels, 3)


def checkerboard(size=8):
    board = np.indices((size, size)).sum(0) % 2
    return board.astype("float32")[None, :, :, None]


def test_spread_is_around_each_channel_and_relative_to_the_range():
    color = np.broadcast_to(np.float32([0.1, 0.5, 0.9]), (1, 4, 4, 3))
    assert spread(color, (0, 1)) == pytest.approx(0, abs=1e-6)
    assert spread(checkerboard(), (0, 1)) == 0.5
    assert spread(255 * checkerboard(), (0, 255)) == 0.5


def test_correlation_by_hand():
    # Around their mean: right pairs 1 * 1 and -1 * -1, lower ones 1 * -1.
    rows = np.float32([[1, 1], [0, 0]])[None, :, :, None]
    assert correlation(rows) == pytest.approx(0)
    assert correlation(checkerboard()) == pytest.approx(-1)
    assert correlation(ramps())[0] > 0.9
    assert correlation(np.ones((1, 1, 1, 1), "float32")) == 0


def test_smooth_images_are_not_junk():
    expected = {"flat": 0, "noise": 0, "duplicates": 0, "junk_share": 0}
    assert counted(ramps()) == expected


def test_noise_and_flat_images_are_detected():
    noise = tiny.images(5, size=16, channels=3)
    flat = np.arange(1, 4, dtype="float32")[:, None, None, None] / 4
    flat = flat + 0.01 * tiny.images(3, size=16, channels=3)
    found = counted(np.concatenate([ramps(8), noise, flat]))
    # Nearly flat images are not also noise, which they are up close.
    assert found == {
        "flat": 3,
        "noise": 5,
        "duplicates": 0,
        "junk_share": 0.5,
    }


def test_duplicates_are_counted_without_the_first():
    images = ramps(5)[[0, 1, 0, 2, 0, 3, 4, 1]]
    found = counted(images)
    assert found["duplicates"] == 3
    assert found["junk_share"] == 3 / 8


def test_images_of_two_kinds_count_once_in_the_share():
    flat = np.zeros((2, 16, 16, 3), "float32")
    found = counted(np.concatenate([ramps(2), flat]))
    assert (found["flat"], found["duplicates"]) == (2, 1)
    assert found["junk_share"] == 0.5


def test_a_checkerboard_is_neither_noise_nor_flat():
    assert counted(checkerboard())["junk_share"] == 0
