"""Evenly spaced or random samples of a source."""

import numpy as np

from tfdcu.data.sources.source import SOURCE
from tfdcu.workdir.arguments import ARGUMENTS
from tfdcu.workdir.arguments import COUNT
from tfdcu.workdir.arguments import check


def images_of(source, num=None, *, seed=None):
    """A sample of a source as one array, e.g. for calibration.

    Args:
        source: A `Source`.
        num: Number of images; all if `None` or if there are fewer.
        seed: `None` for evenly spaced images, an integer for random ones.

    Returns:
        Array (num, *image_shape) of the source's dtype, in its order.
    """
    check("source", source, SOURCE)
    drawn = sample_of(source.without_labels(), num, seed=seed)
    images = np.empty((drawn.num_images, *drawn.image_shape), drawn.dtype)
    read_into(images, drawn)
    return images


def read_into(images, source):
    """Fills an array with the images of a source, which has no labels."""
    start = 0
    for batch in source.batches(source.at_once()).as_numpy_iterator():
        images[start : start + len(batch)] = batch
        start += len(batch)


def sample_of(source, num=None, *, seed=None):
    """The images of `images_of` as a source, not decoded.

    Args:
        source: A `Source`.
        num: As in `images_of`.
        seed: As in `images_of`.

    Returns:
        A `Source`, labeled if the given one is.
    """
    check("source", source, SOURCE)
    check("num", num, COUNT, optional=True)
    check("seed", seed, ARGUMENTS["seed"], optional=True)
    num = min(num or source.num_images, source.num_images)
    if seed is None:
        indices = np.arange(num) * source.num_images // num
    else:
        generator = np.random.default_rng(seed)
        indices = generator.choice(source.num_images, num, replace=False)
    return source.subset(indices)
