import numpy as np

from tests.support import tiny
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


def test_a_sample_is_those_images_with_their_labels():
    source = source_of()
    sample = data.sample_of(source, 5, seed=1)
    assert sample.num_images == 5
    images, labels = next(iter(sample.batches(5)))
    np.testing.assert_array_equal(images, data.images_of(source, 5, seed=1))
    every = data.images_of(source)
    for image, label in zip(images.numpy(), labels.numpy(), strict=True):
        (place,) = np.flatnonzero((every == image).all((1, 2, 3)))
        assert source.labels()[place] == label
    assert not data.sample_of(source.without_labels(), 5).labeled
