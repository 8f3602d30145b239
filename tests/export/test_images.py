"""A limited number of checked images from arrays and datasets."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.export.images import as_fit_takes
from tfdcu.export.images import take_images

SHAPE = (8, 8, 3)
IMAGES = tiny.images(20, channels=3)


def test_arrays_are_sampled_evenly():
    taken = take_images(IMAGES, 5, SHAPE)
    np.testing.assert_array_equal(taken, IMAGES[[0, 4, 9, 14, 19]])
    assert taken.dtype == np.float32


def test_all_images_if_there_are_fewer():
    np.testing.assert_array_equal(take_images(IMAGES, 99, SHAPE), IMAGES)


def test_tensors():
    tensor = tf.constant(IMAGES)
    np.testing.assert_array_equal(take_images(tensor, 99, SHAPE), IMAGES)


@pytest.mark.parametrize(
    "dataset",
    [
        tf.data.Dataset.from_tensor_slices(IMAGES),
        tf.data.Dataset.from_tensor_slices(IMAGES).batch(6),
        tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(20))).batch(6),
        tf.data.Dataset.from_tensor_slices(
            ((IMAGES, np.arange(20)), IMAGES[::-1])
        ).batch(6),
    ],
    ids=["images", "batches", "labeled", "training"],
)
def test_datasets_give_their_first_images(dataset):
    np.testing.assert_array_equal(take_images(dataset, 9, SHAPE), IMAGES[:9])
    np.testing.assert_array_equal(take_images(dataset, 99, SHAPE), IMAGES)


def test_infinite_datasets_are_read_only_as_far_as_needed():
    read = []

    def generate():
        while True:
            read.append(1)
            yield IMAGES[:4]

    spec = tf.TensorSpec((None, *SHAPE), tf.float32)
    dataset = tf.data.Dataset.from_generator(generate, output_signature=spec)
    assert len(take_images(dataset, 10, SHAPE)) == 10
    # tf.data itself reads a little ahead.
    assert len(read) < 10


def test_slight_overshoot_is_allowed():
    images = IMAGES * 1.2 - 0.1
    np.testing.assert_allclose(take_images(images, 99, SHAPE), images)


@pytest.mark.parametrize("images", ["pool", [1, 2], None])
def test_no_images_at_all(images):
    with pytest.raises(ValueError, match="Invalid type"):
        take_images(images, 4, SHAPE)


@pytest.mark.parametrize(
    "images",
    [IMAGES[:0], tf.data.Dataset.from_tensor_slices(IMAGES[:0])],
    ids=["array", "dataset"],
)
def test_empty(images):
    with pytest.raises(ValueError, match="no images"):
        take_images(images, 4, SHAPE)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES[0],
        IMAGES[..., :1],
        tf.data.Dataset.from_tensor_slices(IMAGES[:, :7]),
        tf.data.Dataset.from_tensor_slices(IMAGES[:, 0, 0]),
    ],
    ids=["one image", "gray", "small", "pixels"],
)
def test_wrong_shape(images):
    with pytest.raises(ValueError, match="do not fit the model"):
        take_images(images, 4, SHAPE)


def test_wrong_range():
    with pytest.raises(ValueError, match=r"Expected: pixels in \[0.0, 1.0\]"):
        take_images(IMAGES * 255, 4, SHAPE)
    assert len(take_images(IMAGES * 255, 4, SHAPE, (0, 255))) == 4


def test_values_that_are_not_finite():
    images = IMAGES.copy()
    images[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="3 NaN"):
        take_images(images, 4, SHAPE)


def test_what_fit_takes_is_taken():
    model = tiny.plain_net(channels=3)
    dataset = tf.data.Dataset.from_tensor_slices({"image": IMAGES}).batch(6)
    for given in (list(IMAGES), dataset, iter(IMAGES), {"image": IMAGES}):
        taken = take_images(as_fit_takes(model, given, 99), 99, SHAPE)
        np.testing.assert_array_equal(taken, IMAGES)
    with pytest.raises(ValueError, match="do not fit the model.*a dict with"):
        as_fit_takes(model, {"picture": IMAGES}, 99)


class Batches(keras.utils.PyDataset):
    read = 0

    def __len__(self):
        return 50

    def __getitem__(self, index):
        self.read += 1
        return IMAGES[:4], np.zeros(4)


def test_what_is_read_batch_by_batch_is_read_as_far_as_needed():
    model = tiny.plain_net(channels=3)
    batches = Batches()
    endless = (IMAGES[:4] for _ in itertools.count())
    singles = iter([*IMAGES, *IMAGES])
    for given in (batches, endless, singles):
        taken = as_fit_takes(model, given, 10)
        assert 10 <= len(taken) <= 12
    assert batches.read == 3
    assert len(list(singles)) == 2 * len(IMAGES) - 10
    with pytest.raises(ValueError, match="an object of type int"):
        as_fit_takes(model, 3, 10)
