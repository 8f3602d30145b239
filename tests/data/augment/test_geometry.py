"""Shifts, flips and zooms compared with NumPy."""

import numpy as np

from tests.data.augment.test_augment import IMAGES
from tests.data.augment.test_augment import views


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


def test_shift_fills_with_the_background():
    for image, view in zip(IMAGES, views("shift"), strict=True):
        paper = {"constant_values": image.min()}
        found = candidates(image, 2, "constant", False, **paper)
        assert any(np.array_equal(view, one) for one in found)


def test_zoom_stretches_both_axes_alike_about_the_center():
    places = np.arange(9.0)
    ramp = np.stack(np.meshgrid(places, 10 * places, indexing="ij"), -1)
    images = np.repeat(ramp[None].astype("float32"), 2000, 0)
    seen = views("zoom", images=images)
    inside = seen[:, 2:7, 2:7]
    factors = inside[:, 1, 0, 0] - inside[:, 0, 0, 0]
    middle = 4 + factors[:, None] * np.arange(-2, 3)
    expected = np.stack(
        [
            np.broadcast_to(middle[:, :, None], (2000, 5, 5)),
            np.broadcast_to(10 * middle[:, None, :], (2000, 5, 5)),
        ],
        -1,
    )
    np.testing.assert_allclose(inside, expected, rtol=1e-4, atol=1e-4)
    # Drawn evenly between 1 / 1.3 and 1.3, by their logarithms.
    logs = np.sort(np.log(factors) / np.log(1.3))
    assert abs(logs - np.linspace(-1, 1, 2000)).max() < 0.08


def test_zoom_reflects_at_the_border_and_commutes_with_flips():
    seen = views("zoom")
    assert seen.min() >= IMAGES.min() and seen.max() <= IMAGES.max()
    flipped = views("zoom", images=IMAGES[:, :, ::-1])
    np.testing.assert_allclose(flipped, seen[:, :, ::-1], atol=1e-5)
    flat = np.full_like(IMAGES, 0.25)
    np.testing.assert_array_equal(views("zoom", images=flat), flat)


def test_all_views_are_equally_frequent():
    image = np.repeat(IMAGES[:1], 10_000, 0)
    seen = views("flip_crop", images=image)
    _, counts = np.unique(
        seen.reshape(len(seen), -1)[:, :60], axis=0, return_counts=True
    )
    # 5 x 5 places, two ways round: 200 of each, within 4 standard deviations.
    assert len(counts) == 50
    assert abs(counts - 200).max() < 4 * np.sqrt(200)
