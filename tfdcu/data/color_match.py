"""The pool in the labeled images' light: one linear map for each channel."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfdcu.data.sample import sample_of
from tfdcu.data.sources.open import open_source
from tfdcu.data.sources.source import check_ranges

# Images whose colors are measured, at most, and how many at once.
NUM_IMAGES = 2048
SIZE = 64
# A channel that varies less, as a share of the range, is not stretched.
_FLAT = 1 / 255


def in_colors_of(source, other):
    """A source whose images have the colors of another one's.

    A pool that is lighter, fainter or of another tint than what the teacher
    was trained on asks it about images that it cannot read; what it then says
    is of no use to a student, and no alignment of features makes up for that.
    Each channel of all images is scaled and shifted alike, so that its mean
    and deviation over the source become those over the other, and clipped to
    the range. Statistics as in Reinhard et al. 2001 (Color transfer between
    images); one map for the whole source instead of one an image, in the
    channels as they are, is ours. Both are measured on at most 2048 images.

    Args:
        source: Anything `open_source` takes; labels are those of a `Source`
            that has some.
        other: The same, of as many channels and the same `value_range`, such
            as the few labeled images.

    Returns:
        A `Source` of the same records.

    Raises:
        ValueError: If channels or ranges differ, or a source is a dataset that
            reshuffles.

    Example:

    >>> few = tfdcu.data.open_source("folder:photos", image_shape=(32, 32, 3))
    >>> pool = tfdcu.data.open_source(
    ...     "folder:frames", labeled=False, image_shape=few.image_shape
    ... )
    >>> pool = tfdcu.data.in_colors_of(pool, few)
    """
    source, other = (
        one if hasattr(one, "labeled") else open_source(one, labeled=False)
        for one in (source, other)
    )
    check_ranges({"source": source, "other": other})
    if source.image_shape[-1] != other.image_shape[-1]:
        raise ValueError(
            f"{source.name} and {other.name} have different channels. Expected "
            f"as many in both. Received {source.image_shape[-1]} and "
            f"{other.image_shape[-1]}."
        )
    low, high = source.value_range
    mean, deviation = colors_of(source)
    wanted_mean, wanted = colors_of(other)
    varied = deviation >= _FLAT * (high - low)
    gain = np.divide(wanted, deviation, out=np.ones_like(wanted), where=varied)
    offset = tf.constant(wanted_mean - gain * mean, tf.float32)
    gain = tf.constant(gain, tf.float32)

    def decode(item):
        return tf.clip_by_value(source.decode(item) * gain + offset, low, high)

    return dataclasses.replace(source, decode=decode)


def colors_of(source):
    """Mean and deviation of each channel, over images and places.

    Args:
        source: A `Source`.

    Returns:
        Two float64 arrays (channels,).
    """
    source.check_order("its colors cannot be measured")
    parts = sample_of(source.without_labels(), NUM_IMAGES).batches(SIZE)
    levels = [color_levels(images.numpy()) for images in parts]
    return mean_and_deviation(
        *(np.concatenate([part[name] for part in levels]) for name in levels[0])
    )


def color_levels(images):
    """What `mean_and_deviation` is made from, for each image of a batch.

    Args:
        images: Array (batch, height, width, channels).

    Returns:
        Dict of float64 arrays (batch, channels): `level`, each channel's mean,
        and `power`, the mean of its square.
    """
    return {
        "level": images.mean((1, 2), dtype="float64"),
        "power": np.square(images).mean((1, 2), dtype="float64"),
    }


def mean_and_deviation(level, power):
    """Mean and deviation of each channel over all images.

    Args:
        level: Array (images, channels), of `color_levels`.
        power: Array (images, channels), of the same.

    Returns:
        Two float64 arrays (channels,).
    """
    mean = level.mean(0)
    return mean, np.sqrt(np.maximum(power.mean(0) - np.square(mean), 0))
