"""Moves: each view is one of all that there may be."""

import numpy as np

from tests.data.test_augment import IMAGES
from tests.data.test_augment import views


def candidates(image, by, mode, flips, **options):
    """Every view there may be, drawn by NumPy."""
    size = len(image)
    padding = [(by, by), (by, by), (0, 0)]
    padded = np.pad(image, padding, mode, **options)
    found = []
    for top in range(2 * by + 1):
        for left in range(2 * by + 1):
            view = padded[top : top + size, left : left + size]
            found += [view, view[:, ::-1]] if flips else [view]
    return found


def test_flip_crop_gives_shifted_mirrored_reflections():
    for image, view in zip(IMAGES, views("flip_crop"), strict=True):
        found = candidates(image, 2, "reflect", True)
        assert any(np.array_equal(view, one) for one in found)


def test_shift_gives_shifts_on_the_papers_color():
    for image, view in zip(IMAGES, views("shift"), strict=True):
        paper = {"constant_values": image.min()}
        found = candidates(image, 2, "constant", False, **paper)
        assert any(np.array_equal(view, one) for one in found)


def test_all_views_are_equally_frequent():
    image = np.repeat(IMAGES[:1], 10_000, 0)
    seen = views("flip_crop", images=image)
    _, counts = np.unique(
        seen.reshape(len(seen), -1)[:, :60], axis=0, return_counts=True
    )
    # 5 x 5 places, two ways round: 200 of each, within 4 standard deviations.
    assert len(counts) == 50
    assert abs(counts - 200).max() < 4 * np.sqrt(200)
