import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfdcu.data import augment

IMAGES = tiny.images(200, size=16, channels=3)


def views(name, number=0, seed=0, images=IMAGES, first=0):
    """View `number` of images `first`, `first + 1`, ... of a source."""
    ids = tf.range(first, first + len(images), dtype=tf.int64)
    seeds = augment.view_seeds(
        ids, tf.fill(len(images), np.int64(number)), seed
    )
    return augment.resolve(name)(tf.constant(images), seeds).numpy()


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


def noise(image, seed):
    """A callable: one image and a seed of its own."""
    assert image.shape == (16, 16, 3) and seed.shape == (2,)
    return image * 0 + tf.random.stateless_uniform((), seed)


EVERY = pytest.mark.parametrize("name", ["flip_crop", "shift", noise])


@EVERY
def test_a_pure_function_of_the_id_the_number_and_the_seed(name):
    first = views(name, 1, 2)
    np.testing.assert_array_equal(first, views(name, 1, 2))
    assert not np.array_equal(first, views(name, 1, 3))
    assert not np.array_equal(first, views(name, 2, 2))
    assert not np.array_equal(first, views(name, 1, 2, first=1))


@EVERY
def test_a_view_does_not_depend_on_its_batch(name):
    part = views(name, images=IMAGES[50:60], first=50)
    np.testing.assert_array_equal(part, views(name)[50:60])


def test_each_image_of_a_callable_has_a_seed_of_its_own():
    assert len(np.unique(views(noise)[:, 0, 0, 0])) == 200


def test_seeds_of_views_do_not_meet():
    ids, numbers = np.int64([0, 1, 2**40]), np.int64([0, 1, 2**32 - 1])
    seeds = {
        tuple(pair)
        for number in numbers
        for seed in (0, 1, 2**30 - 1)
        for pair in augment.view_seeds(ids, number + 0 * ids, seed).numpy()
    }
    assert len(seeds) == 27


def test_one_pixel_images():
    for name in augment.AUGMENTATIONS:
        tiny_images = np.ones((3, 1, 1, 1), "float32")
        np.testing.assert_array_equal(views(name, images=tiny_images), 1)


def test_unknown_name():
    with pytest.raises(ValueError, match="Unknown.*flip_crop.*'mixup'"):
        augment.resolve("mixup")
    assert augment.resolve(None) is None
