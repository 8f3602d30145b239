import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.data.augment import augment
from tfdcu.data.augment.augment import viewing

IMAGES = tiny.images(200, size=16, channels=3)


def views(name, number=0, seed=0, images=IMAGES, first=0):
    """View `number` of images `first`, `first + 1`, ... of a source."""
    ids = tf.range(first, first + len(images), dtype=tf.int64)
    seeds = augment.view_seeds(
        ids, tf.fill(len(images), np.int64(number)), seed
    )
    return augment.resolve(name)(tf.constant(images), seeds).numpy()


def noise(image, seed):
    """A callable: one image and a seed of its own."""
    assert image.shape == (16, 16, 3) and seed.shape == (2,)
    return image * 0 + tf.random.stateless_uniform((), seed)


EVERY = pytest.mark.parametrize(
    "name",
    ["flip_crop", "shift", "color", noise, ("flip_crop", noise, "color")],
)


@EVERY
def test_pure_function_of_id_number_and_seed(name):
    first = views(name, 1, 2)
    np.testing.assert_array_equal(first, views(name, 1, 2))
    assert not np.array_equal(first, views(name, 1, 3))
    assert not np.array_equal(first, views(name, 2, 2))
    assert not np.array_equal(first, views(name, 1, 2, first=1))


def test_each_image_of_a_callable_has_a_seed_of_its_own():
    assert len(np.unique(views(noise)[:, 0, 0, 0])) == 200


def test_seeds_of_views_differ():
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


def test_augmentations_are_applied_in_order_with_own_seeds():
    ids = tf.range(200, dtype=tf.int64)
    seeds = augment.view_seeds(ids, ids, 3)
    names = ["flip_crop", "flip_crop", "color"]
    expected = tf.constant(IMAGES)
    for number, name in enumerate(names):
        part = augment.resolve(name)
        expected = part(expected, augment.stream(seeds, number))
    for several in (names, tuple(names)):
        received = augment.resolve(several)(tf.constant(IMAGES), seeds)
        np.testing.assert_array_equal(received, expected)
    alone = views("flip_crop")
    np.testing.assert_array_equal(views(("flip_crop",)), alone)


def test_streams_of_seeds_differ():
    ids = np.arange(50)
    seeds = augment.view_seeds(ids, ids * 0 + 1, 2)
    every = [augment.stream(seeds, number).numpy() for number in range(-3, 5)]
    assert len({tuple(row) for rows in every for row in rows.tolist()}) == 400
    np.testing.assert_array_equal(every[3], seeds)


def test_colors_use_the_value_range():
    wide = augment.resolve("color", (-3.0, 5.0))
    ids = tf.range(200, dtype=tf.int64)
    seeds = augment.view_seeds(ids, ids, 0)
    views = wide(tf.constant(IMAGES * 8 - 3), seeds).numpy()
    assert views.min() == -3 and views.max() == 5


@pytest.mark.parametrize(
    "name", ["colr", (), ("shift", "mixup"), ("shift", None), 3, (("shift",),)]
)
def test_unknown_augmentations_are_refused(name):
    known = "'color', 'flip_crop', 'shift'"
    with pytest.raises(ValueError, match=f"Unknown.*{known}.*tuple.*Received"):
        augment.resolve(name)


PIPED = tiny.images(30, channels=3)
IDS, NUMBERS = np.arange(30), np.full(30, 2)


def seen(view, places=slice(None)):
    return view(tf.constant(PIPED[places]), IDS[places], NUMBERS[places])


def test_no_augmentation_changes_no_image():
    np.testing.assert_array_equal(seen(viewing(None, (0.0, 1.0), 3)), PIPED)


def test_views_do_not_depend_on_the_batch_or_the_pipeline():
    view = viewing(("flip_crop", "color"), (0.0, 1.0), 3)
    whole = seen(view).numpy()
    order = np.random.default_rng(0).permutation(30)[:11]
    np.testing.assert_array_equal(seen(view, order), whole[order])
    batches = tf.data.Dataset.from_tensor_slices((PIPED, IDS, NUMBERS))
    mapped = batches.batch(7).map(view).as_numpy_iterator()
    np.testing.assert_array_equal(np.concatenate(list(mapped)), whole)
