"""Find useless images: flat images, noise and duplicates."""

import numpy as np
import tensorflow as tf

from tfdcu.data.fingerprint import checksums

# An image is flat if its spread, as a share of the range, is smaller.
FLAT = 0.02
# An image is noise if the absolute correlation of its neighbors is smaller.
NOISE = 0.1


def junk_measures(images, value_range):
    """Measures by which junk is detected, for each image of a batch.

    Args:
        images: Float32 array (batch, height, width, channels).
        value_range: (low, high) of the pixels; `None` for other inputs than
            images, which may be duplicates only.

    Returns:
        Dict of arrays (batch,): `spread` and `correlation` (see the functions
        of these names; NaN for other inputs than images) and `checksum`, equal
        for equal images.
    """
    if value_range is None:
        unknown = np.full(len(images), np.nan)
        return {
            "spread": unknown,
            "correlation": unknown,
            "checksum": checksums(tf.constant(images)).numpy(),
        }
    return {
        "spread": spread(images, value_range),
        "correlation": correlation(images),
        "checksum": checksums(tf.constant(images)).numpy(),
    }


def junk_kinds(measures):
    """Which images are flat, noise or duplicates.

    An image is flat if its spread is below `FLAT`; noise if it is not flat
    and its correlation is between `-NOISE` and `NOISE`; a duplicate if an
    earlier image has the same pixels.

    Args:
        measures: The arrays of `junk_measures` for all images.

    Returns:
        Dict of bool arrays (num_images,): `flat`, `noise` and `duplicates`.
    """
    flat = measures["spread"] < FLAT
    noise = ~flat & (np.abs(measures["correlation"]) < NOISE)
    copy = np.ones(len(flat), bool)
    copy[np.unique(measures["checksum"], return_index=True)[1]] = False
    return {"flat": flat, "noise": noise, "duplicates": copy}


def count_junk(measures):
    """Counts flat images, noise and duplicates, and the share of all three.

    An image of two kinds counts in both, and once in the share.

    Args:
        measures: The arrays of `junk_measures` for all images.

    Returns:
        Dict with the counts `flat`, `noise`, `duplicates` and `junk_share`,
        in [0, 1].
    """
    kinds = junk_kinds(measures)
    counts = {name: int(images.sum()) for name, images in kinds.items()}
    share = float(np.any(list(kinds.values()), axis=0).mean())
    return {**counts, "junk_share": share}


def spread(images, value_range):
    """Standard deviation of the pixels of each image within a channel.

    Args:
        images: Array (batch, height, width, channels).
        value_range: (low, high) of the pixels.

    Returns:
        Array (batch,), as a share of the range: 0 for an image of one color,
        0.5 for one that is half `low`, half `high`.
    """
    variance = images.var((1, 2)).mean(-1)
    return np.sqrt(variance) / (value_range[1] - value_range[0])


def correlation(images):
    """Correlation of each pixel with its right and lower neighbors.

    Args:
        images: Array (batch, height, width, channels).

    Returns:
        Array (batch,): about 1 for a smooth image, 0 for noise, -1 for a
        checkerboard; 0 for an image of one color.
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
