"""Some of many images: evenly spaced ones, or drawn from a seed."""

import numpy as np


def images_of(source, num=None, *, seed=None):
    """Some images of a source as one array, e.g. to calibrate or to check.

    Args:
        source: A `Source`.
        num: How many; all of them if `None` or if there are fewer.
        seed: `None` takes evenly spaced images, an integer random ones.

    Returns:
        Float32 array (num, height, width, channels), in the source's order.
    """
    images = sample_of(source.without_labels(), num, seed=seed).batches(256)
    return np.concatenate(list(images.as_numpy_iterator()))


def sample_of(source, num=None, *, seed=None):
    """The same images, as `images_of` takes them, not yet decoded.

    Args:
        source: A `Source`.
        num: As in `images_of`.
        seed: As in `images_of`.

    Returns:
        A `Source`, labeled if that is.
    """
    num = min(num or source.num_images, source.num_images)
    if seed is None:
        indices = np.arange(num) * source.num_images // num
    else:
        generator = np.random.default_rng(seed)
        indices = generator.choice(source.num_images, num, replace=False)
    return source.subset(indices)
