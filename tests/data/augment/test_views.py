"""Views in a `tf.data` pipeline."""

import numpy as np
import tensorflow as tf

from tests.support import tiny
from tfdcu import data
from tfdcu.data.augment.augment import viewing

IMAGES = tiny.images(30, channels=3)
IDS, NUMBERS = np.arange(30), np.full(30, 2)


def seen(view, places=slice(None)):
    return view(tf.constant(IMAGES[places]), IDS[places], NUMBERS[places])


def test_no_augmentation_changes_no_image():
    np.testing.assert_array_equal(seen(viewing(None, (0.0, 1.0), 3)), IMAGES)


def test_views_do_not_depend_on_the_batch_or_the_pipeline():
    pool = data.open_source(IMAGES, labeled=False)
    mix = data.open_mix("mixup", 0.5, pool)
    view = viewing(("flip_crop", "color"), (0.0, 1.0), 3, mix)
    whole = seen(view).numpy()
    order = np.random.default_rng(0).permutation(30)[:11]
    np.testing.assert_array_equal(seen(view, order), whole[order])
    batches = tf.data.Dataset.from_tensor_slices((IMAGES, IDS, NUMBERS))
    mapped = batches.batch(7).map(view).as_numpy_iterator()
    np.testing.assert_array_equal(np.concatenate(list(mapped)), whole)
