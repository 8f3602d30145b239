"""Match the colors of a pool to the labeled images, channel by channel."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfdcu.data.sample import sample_of
from tfdcu.data.sources.open import open_source
from tfdcu.data.sources.source import check_ranges
from tfdcu.workdir.arguments import naming

# Largest number of images whose colors are measured.
NUM_IMAGES = 2048
# A channel with a smaller deviation, as a share of the range, is not scaled.
_FLAT = 1 / 255


def match_colors(source, other):
    """Matches the colors of a source to those of another one.

    Use it for a pool that is brighter, paler or of another tint than the
    images the teacher was trained on: the teacher's logits for such images are
    unreliable, and aligning features does not correct them. Each channel is
    scaled and shifted by the same numbers in all images, so that its mean and
    standard deviation over `source` become those over `other`, and clipped to
    the range. Statistics as in Reinhard et al. 2001 (Color transfer between
    images). They are measured on at most 2048 images of each source.

    Args:
        source: Anything `open_source` takes; a labeled `Source` stays
            labeled.
        other: The same, with the same number of channels and `value_range`,
            such as the labeled images.

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
    >>> pool = tfdcu.data.match_colors(pool, few)
    """
    source, other = _opened("source", source), _opened("other", other)
    check_ranges({"source": source, "other": other})
    if source.value_range is None:
        raise ValueError(
            "Only images have colors. Expected: match_colors=False for other "
            f"inputs. Received: inputs of shape {source.image_shape}."
        )
    if source.image_shape[-1] != other.image_shape[-1]:
        raise ValueError(
            f"{source.name} and {other.name} have different channels. "
            f"Expected: the same number of channels. Received: "
            f"{source.image_shape[-1]} and {other.image_shape[-1]}."
        )
    low, high = source.value_range
    mean, deviation = colors_of(source)
    other_mean, other_deviation = colors_of(other)
    varied = deviation >= _FLAT * (high - low)
    gain = np.ones_like(deviation)
    np.divide(other_deviation, deviation, out=gain, where=varied)
    offset = tf.constant(other_mean - gain * mean, tf.float32)
    gain = tf.constant(gain, tf.float32)

    def decode(item, image_shape):
        image = source.decode(item, image_shape)
        return tf.clip_by_value(image * gain + offset, low, high)

    return dataclasses.replace(source, decode=decode)


def colors_of(source):
    """Mean and standard deviation of each channel over images and pixels.

    Args:
        source: A `Source`.

    Returns:
        Two float64 arrays (channels,).
    """
    source.check_order("its colors cannot be measured")
    drawn = sample_of(source.without_labels(), NUM_IMAGES)
    parts = drawn.batches(drawn.at_once())
    levels = [color_levels(images.numpy()) for images in parts]
    return mean_and_deviation(
        *(np.concatenate([part[name] for part in levels]) for name in levels[0])
    )


def color_levels(images):
    """Per-image statistics from which `mean_and_deviation` is computed.

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
    """Mean and standard deviation of each channel over all images.

    Args:
        level: Array (images, channels) from `color_levels`.
        power: Array (images, channels) from `color_levels`.

    Returns:
        Two float64 arrays (channels,).
    """
    mean = level.mean(0)
    return mean, np.sqrt(np.maximum(power.mean(0) - np.square(mean), 0))


def _opened(name, images):
    if hasattr(images, "labeled"):
        return images
    with naming(name):
        return open_source(images, labeled=False)
