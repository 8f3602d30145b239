import numpy as np
import pytest
from sklearn.datasets import load_digits

from tfdcu import data


def rows(source):
    return {image.tobytes() for image in data.images_of(source)}


def test_the_splits_cover_all_scans_once():
    train = data.open_source("digits")
    test = data.open_source("digits", split="test")
    every = data.open_source("digits", split="all")
    assert (train.num_images, test.num_images) == (1297, 500)
    assert rows(train).isdisjoint(rows(test))
    assert rows(train) | rows(test) == rows(every)
    np.testing.assert_array_equal(every.labels(), load_digits().target)
    np.testing.assert_array_equal(
        data.images_of(every)[..., 0], load_digits().images / 16
    )


def test_the_test_split_is_stratified_and_the_same_for_every_seed():
    test = data.open_source("digits", split="test", seed=0)
    assert np.ptp(np.bincount(test.labels())) <= 4
    other = data.open_source("digits", split="test", seed=1)
    np.testing.assert_array_equal(data.images_of(test), data.images_of(other))


def test_value_range():
    source = data.open_source("digits", value_range=(-1, 1))
    images = data.images_of(source)
    assert (images.min(), images.max()) == (-1, 1)


def test_unknown_split():
    with pytest.raises(ValueError, match="Unknown split.*all.*'valid'"):
        data.open_source("digits", split="valid")
