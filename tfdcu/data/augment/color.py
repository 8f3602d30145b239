"""Views that change colors: brightness, contrast, saturation and hue."""

import tensorflow as tf

from tfdcu.data.augment.stateless_random import uniform

# The jitter of Chen et al. 2020 (SimCLR, arXiv:2002.05709, appendix A) at the
# strength 0.5 of its CIFAR-10: factors from 0.6 to 1.4, and the tangent of
# half a tenth of a turn.
_FACTOR = 0.4
_TANGENT = 0.325
# Steps in which brightness is added up.
_STEPS = 2**16


def color(images, seeds, value_range=(0.0, 1.0)):
    """Changes brightness and contrast, of RGB also saturation and hue.

    Each by a factor from 0.6 to 1.4, the hue by up to a tenth of a turn either
    way: color jitter (Chen et al. 2020, SimCLR, appendix A). Ours are the
    order, which is fixed, one clip at the end, gray as the mean of the three
    channels, and the hue as a turn about the gray axis (as in Haeberli's
    matrices, 1993), so that all of it is one affine map of a pixel.

    Every step gives an image the same bits in any batch: no cosine or root,
    which are rounded otherwise at the end of a batch, and the mean of an image
    is a sum of whole numbers, whose order does not matter.

    Args:
        images: Float32 tensor (batch, height, width, channels); with other
            than three channels they keep their proportions.
        seeds: Int64 tensor (batch, 2), one an image.
        value_range: (low, high) of the pixels, to which views are clipped.

    Returns:
        Views of the same shape.
    """
    low, high = value_range
    draws = uniform(seeds, 4)[:, :, None, None, None]
    brightness, contrast, saturation = tf.unstack(
        1 + _FACTOR * (2 * draws[:, :3] - 1), axis=1
    )  # each (batch, 1, 1, 1)
    gain = brightness * contrast
    mean = _mean(images, low, high)
    offset = brightness * (1 - contrast) * mean + low * (1 - brightness)
    if images.shape[-1] == 3:
        tangent = _TANGENT * (2 * draws[:, 3] - 1)
        images = _turned(images, saturation, tangent, gain)
    else:
        images = images * gain
    return tf.clip_by_value(images + offset, low, high)


def _turned(images, saturation, tangent, gain):
    """`gain` times images turned about the gray axis and (de)saturated.

    A turn by the angle whose half has this tangent, after Rodrigues: a
    circulant matrix, so that red, green and blue are treated alike.
    """
    whole = 1 + tangent * tangent
    along = saturation * (1 - tangent * tangent) / whole  # cosine
    across = saturation * 2 * tangent / whole  # sine
    own = (1 + 2 * along) * (gain / 3)
    after = (1 - along) * (gain / 3) - across * gain * 3**-0.5
    before = (1 - along) * (gain / 3) + across * gain * 3**-0.5
    # Whole planes are moved in a third of the time that pixels take.
    planes = tf.transpose(images, (0, 3, 1, 2))
    planes = (
        planes * own
        + tf.gather(planes, [1, 2, 0], axis=1) * after
        + tf.gather(planes, [2, 0, 1], axis=1) * before
    )
    return tf.transpose(planes, (0, 2, 3, 1))


def _mean(images, low, high):
    """Mean of all values of each image, to a 2**16-th of the range."""
    num_values = images.shape[1] * images.shape[2] * images.shape[3]
    steps = tf.cast((images - low) * (_STEPS / (high - low)), tf.int64)
    total = tf.reduce_sum(steps, (1, 2, 3), keepdims=True)
    scale = (high - low) / (_STEPS * num_values)
    return tf.cast(total, tf.float32) * scale + low
