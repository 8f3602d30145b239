import numpy as np

from tests import tiny
from tfdcu import data


def source_of(num=10):
    return data.open_source((tiny.images(num), tiny.labels(num)))


def test_images_of_takes_even_or_random_images():
    source = source_of()
    images = tiny.images(10)
    np.testing.assert_array_equal(data.images_of(source, 5), images[::2])
    assert len(data.images_of(source, 99)) == 10
    drawn = data.images_of(source, 5, seed=1)
    np.testing.assert_array_equal(drawn, data.images_of(source, 5, seed=1))
    assert not np.array_equal(drawn, data.images_of(source, 5, seed=2))
    assert len(np.unique(drawn, axis=0)) == 5


def test_a_sample_is_those_images_without_labels():
    sample = data.sample_of(source_of(), 5, seed=1)
    assert sample.num_images == 5 and not sample.labeled
    np.testing.assert_array_equal(
        np.concatenate(list(sample.batches(2).as_numpy_iterator())),
        data.images_of(source_of(), 5, seed=1),
    )
