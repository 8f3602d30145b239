"""Images that teach nothing: flat ones, noise, and copies of others.

Three measures of an image, and the values at which it counts as junk. Both
are ours; images are judged at the size at which they are read.
"""

import numpy as np
import tensorflow as tf

from tfdcu.data.fingerprint import checksums

# Pixels that deviate by less than this share of their range are flat.
FLAT = 0.02
# Below this size, the correlation of neighboring pixels is that of noise.
NOISE = 0.1


def junk_measures(images, value_range):
    """What tells junk, for each image of a batch.

    Args:
        images: Float32 array (batch, height, width, channels).
        value_range: (low, high) of the pixels.

    Returns:
        Dict of arrays (batch,): `spread` and `correlation`, see there, and
        `checksum`, equal for equal images.
    """
    return {
        "spread": spread(images, value_range),
        "correlation": correlation(images),
        "checksum": checksums(tf.constant(images)).numpy(),
    }


def junk_kinds(measures):
    """Which images are flat, noise or copies.

    An image is flat where its spread is below `FLAT`; noise where it is not
    flat and its correlation lies between `-NOISE` and `NOISE`; a duplicate
    where an earlier image has the same pixels.

    Args:
        measures: What `junk_measures` gave, for all images.

    Returns:
        Dict of bool arrays (num_images,): `flat`, `noise` and `duplicates`.
    """
    flat = measures["spread"] < FLAT
    noise = ~flat & (np.abs(measures["correlation"]) < NOISE)
    copy = np.ones(len(flat), bool)
    copy[np.unique(measures["checksum"], return_index=True)[1]] = False
    return {"flat": flat, "noise": noise, "duplicates": copy}


def count_junk(measures):
    """How many images are flat, noise or copies, and the share of all three.

    One that is junk in two ways is counted in both, and once in the share.

    Args:
        measures: What `junk_measures` gave, for all images.

    Returns:
        Dict with the counts `flat`, `noise`, `duplicates` and `junk_share`,
        in [0, 1].
    """
    kinds = junk_kinds(measures)
    counts = {name: int(images.sum()) for name, images in kinds.items()}
    share = float(np.any(list(kinds.values()), axis=0).mean())
    return {**counts, "junk_share": share}


def spread(images, value_range):
    """Standard deviation of the pixels around the mean of their channel.

    Args:
        images: Array (batch, height, width, channels).
        value_range: (low, high) of the pixels.

    Returns:
        Array (batch,), in shares of the range: 0 for an image of one color,
        0.5 for one that is half `low`, half `high`.
    """
    variance = images.var((1, 2)).mean(-1)
    return np.sqrt(variance) / (value_range[1] - value_range[0])


def correlation(images):
    """Correlation of each pixel with its right and its lower neighbor.

    Args:
        images: Array (batch, height, width, channels).

    Returns:
        Array (batch,), from about 1 for a smooth image by 0 for noise to -1
        for a checkerboard; 0 where there is nothing to compare.
    """
    rest = images - images.mean((1, 2), keepdims=True)
    right = rest[:, :, :-1], rest[:, :, 1:]
    lower = rest[:, :-1], rest[:, 1:]
    products = sum(_sums(one * two) for one, two in (right, lower))
    squares = sum(
        (_sums(one**2) + _sums(two**2)) / 2 for one, two in (right, lower)
    )
    return products / np.maximum(squares, np.finfo("float32").tiny)


def _sums(values):
    return values.sum((1, 2, 3))
