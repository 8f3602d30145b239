"""Laws of the pools that the ablation runs on elsewhere."""

import numpy as np

import tfdcu
from benchmarks.accuracy import pools


def source(images):
    return tfdcu.data.open_source(images, labeled=False)


def test_three_images_in_ten_are_junk_and_the_others_are_themselves():
    images = np.arange(100, dtype="uint8").repeat(64).reshape(100, 8, 8, 1)
    images[:, 0, 0] = 255
    found = pools.with_junk(source(images), seed=0)
    assert found.dtype == np.uint8 and found.shape == images.shape
    same = (found == images).all((1, 2, 3))
    assert same.sum() == 70
    flat = (found == found[:, :1, :1]).all((1, 2, 3))
    assert flat.sum() == 10 and not flat[same].any()
