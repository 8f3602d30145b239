"""Color jitter: the affine map, and the same bits in any batch."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.data.augment.color import color
from tfdcu.data.augment.stateless_random import uniform

IMAGES = tiny.images(40, size=12, channels=3)
SEEDS = np.stack([np.arange(40) + 7, np.arange(40)], 1)


def colored(images=IMAGES, seeds=SEEDS, value_range=(0.0, 1.0)):
    return color(tf.constant(images), tf.constant(seeds), value_range).numpy()


def in_range(images, low, high):
    return (images * (high - low) + low).astype("float32")


def by_hand(image, draws, low, high):
    """Saturation and hue, then contrast, then brightness, as one would."""
    brightness, contrast, saturation = 0.6 + 0.8 * draws[:3]
    image = image.astype("float64") - low
    if image.shape[-1] == 3:
        angle = 2 * np.arctan(0.325 * (2 * draws[3] - 1))
        gray = image.mean(-1, keepdims=True)
        axis = np.full(3, 3**-0.5)
        rest = image - gray
        turned = rest * np.cos(angle) + np.cross(axis, rest) * np.sin(angle)
        image = gray + saturation * turned
    image = image.mean() + contrast * (image - image.mean())
    return np.clip(low + brightness * image, low, high)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 2.0), (0, 255)])
def test_brightness_contrast_saturation_and_hue(channels, value_range):
    images = tiny.images(40, size=12, channels=channels)
    images = in_range(images, *value_range)
    draws = uniform(tf.constant(SEEDS), 4).numpy()
    expected = [
        by_hand(image, row, *value_range)
        for image, row in zip(images, draws, strict=True)
    ]
    views = colored(images, value_range=value_range)
    span = value_range[1] - value_range[0]
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-4 * span)
    assert views.min() >= value_range[0] and views.max() <= value_range[1]
    changed = abs(views - images).max((1, 2, 3))
    assert (changed > 0.01 * span).all()


def test_gray_stays_gray_and_black_stays_black():
    gray = np.repeat(tiny.images(40, size=12), 3, -1)
    views = colored(gray)
    np.testing.assert_allclose(views, views[..., :1] + 0 * views, atol=1e-6)
    assert not colored(0 * gray).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_bits_do_not_depend_on_the_batch_or_the_pipeline(channels):
    images = tiny.images(40, size=13, channels=channels)
    whole = colored(images)
    for first, last in ((0, 1), (3, 10), (7, 40)):
        part = colored(images[first:last], SEEDS[first:last])
        np.testing.assert_array_equal(part, whole[first:last])
    data = tf.data.Dataset.from_tensor_slices((images, SEEDS)).batch(11)
    mapped = data.map(color, num_parallel_calls=2)
    np.testing.assert_array_equal(
        np.concatenate(list(mapped.as_numpy_iterator())), whole
    )
