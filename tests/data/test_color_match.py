"""Matched colors."""

import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.support import tiny
from tfdcu.data.color_match import colors_of
from tfdcu.data.color_match import match_colors


def source(images, labels=None, **options):
    images = images if labels is None else (images, labels)
    return tfdcu.data.open_source(images, labeled=labels is not None, **options)


def pixels(num=60, channels=3, low=0.3, high=0.7, seed=0):
    generator = np.random.default_rng(seed)
    shape = num, 8, 8, channels
    return generator.uniform(low, high, shape).astype("float32")


def read(matched):
    return tfdcu.data.images_of(matched)


def test_colors_are_those_of_all_pixels_of_a_channel():
    images = pixels()
    mean, deviation = colors_of(source(images))
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(deviation, images.std((0, 1, 2)), rtol=1e-5)


def test_by_hand():
    # Mean 0.5 and deviation 0.1 become 0.4 and 0.2: x -> 2 x - 0.6.
    pool = np.array([0.4, 0.6] * 8, "float32").reshape(4, 2, 2, 1)
    few = np.array([0.2, 0.6] * 8, "float32").reshape(4, 2, 2, 1)
    matched = match_colors(pool, (few, tiny.labels(4)))
    np.testing.assert_allclose(read(matched), few, atol=1e-6)


def test_each_channel_gets_the_other_mean_and_deviation():
    pool = pixels() * [0.9, 0.5, 0.2] + [0.1, 0.4, 0.0]
    few = source(pixels(30, seed=1))
    matched = match_colors(source(pool.astype("float32")), few)
    for found, wanted in zip(colors_of(matched), colors_of(few)):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_haze_is_undone():
    clear = pixels()
    hazy = ((clear + [1.0, 0.8, 0.6]) / 2).astype("float32")
    matched = match_colors(source(hazy), source(clear))
    np.testing.assert_allclose(read(matched), clear, atol=1e-5)


def test_a_pool_of_the_same_colors_is_unchanged():
    pool = pixels()
    matched = match_colors(source(pool), source(pool))
    np.testing.assert_allclose(read(matched), pool, atol=1e-6)


def test_pixels_stay_in_their_range():
    pool, few = pixels(low=0.4, high=0.6) * 255, pixels(low=0, high=1) * 255
    options = {"value_range": (0, 255)}
    pool[0, 0, 0] = 0
    matched = read(
        match_colors(source(pool, **options), source(few, **options))
    )
    assert matched.min() == 0 and matched.max() <= 255


def test_a_flat_channel_is_shifted_and_not_stretched():
    pool = pixels()
    pool[..., 1] = 0.5 + 1e-4 * (pool[..., 1] - 0.5)
    few = pixels(low=0.1, high=0.5, seed=1)
    matched = read(match_colors(source(pool), source(few)))
    assert matched[..., 1].std() == pytest.approx(pool[..., 1].std(), rel=0.01)
    assert matched[..., 1].mean() == pytest.approx(few[..., 1].mean(), abs=1e-5)


def test_records_labels_and_classes_are_the_same():
    few = source(pixels(20), tiny.labels(20), classes=list("abcd"))
    matched = match_colors(few, source(pixels(low=0.1, seed=1)))
    np.testing.assert_array_equal(matched.labels(), few.labels())
    assert matched.classes == few.classes and matched.labeled
    part = read(matched.subset([3, 7]))
    np.testing.assert_array_equal(part, read(matched)[[3, 7]])


def test_the_sources_are_not_changed():
    pool, few = source(pixels()), source(pixels(low=0.1, seed=1))
    before = read(pool)
    match_colors(pool, few)
    np.testing.assert_array_equal(read(pool), before)


def test_sources_that_do_not_fit_are_refused():
    few = source(pixels())
    with pytest.raises(ValueError, match="different channels"):
        match_colors(source(pixels(channels=1)), few)
    with pytest.raises(ValueError, match="pixels of different ranges"):
        match_colors(source(pixels() * 255, value_range=(0, 255)), few)
    shuffled = tf.data.Dataset.from_tensor_slices(pixels()).shuffle(60)
    with pytest.raises(ValueError, match="colors cannot be measured"):
        match_colors(shuffled, few)


def test_prepare_matches_the_pool_and_the_held_out_images():
    images, labels = pixels(40, low=0.1, high=0.9), tiny.labels(40)
    pool = (pixels(100, seed=1) + 1) / 2
    options = {"num_classes": 4, "image_shape": (8, 8, 3)}
    splits = tfdcu.data.prepare(
        (images, labels),
        pool,
        match_colors=True,
        labels_per_class=5,
        pool_validation=40,
        **options,
    )
    wanted = colors_of(splits.labeled)
    parts = read(splits.unlabeled), read(splits.pool_validation)
    together = np.concatenate(parts)
    assert len(together) == 100
    np.testing.assert_allclose(together.mean((0, 1, 2)), wanted[0], atol=1e-4)
    np.testing.assert_allclose(together.std((0, 1, 2)), wanted[1], atol=1e-4)
    with pytest.raises(ValueError, match="no colors to match"):
        tfdcu.data.prepare(None, pool, match_colors=True, **options)


def test_an_image_has_the_same_bits_alone_and_in_any_batch():
    matched = match_colors(source(pixels(67)), source(pixels(low=0.1, seed=1)))
    alone = np.stack(list(matched.dataset.as_numpy_iterator()))
    for size in (1, 7, 64):
        batches = matched.batches(size).as_numpy_iterator()
        np.testing.assert_array_equal(np.concatenate(list(batches)), alone)
