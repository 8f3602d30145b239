"""Color jitter: brightness, contrast, saturation and hue."""

import tensorflow as tf

from tfdcu.data.augment.stateless_random import uniform

# Chen et al. 2020 (SimCLR, arXiv:2002.05709, appendix A) at strength 0.5, as
# for CIFAR-10: factors from 0.6 to 1.4; hue rotates by at most 36 degrees, the
# tangent of half of which is 0.325.
_FACTOR = 0.4
_TANGENT = 0.325
# Number of integer steps to which pixels are rounded in `_mean`.
_STEPS = 2**16


def color(images, seeds, value_range=(0.0, 1.0)):
    """Changes brightness and contrast, and of RGB images saturation and hue.

    Color jitter (Chen et al. 2020, SimCLR, appendix A): each by a factor from
    0.6 to 1.4, the hue by up to 36 degrees either way. The order is fixed,
    pixels are clipped once at the end, gray is the mean of the channels, and
    hue is a rotation about the gray axis (Haeberli 1993), so that all of it is
    one affine map per pixel.

    An image gets the same bits in any batch: cosine and square root are not
    used, since they may round differently at the end of a batch, and the mean
    of an image is a sum of integers, which does not depend on the order.

    Args:
        images: Float32 tensor (batch, height, width, channels); saturation
            and hue change only if there are three channels.
        seeds: Int64 tensor (batch, 2), one per image.
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
        images = _rotate(images, saturation, tangent, gain)
    else:
        images = images * gain
    return tf.clip_by_value(images + offset, low, high)


def _rotate(images, saturation, tangent, gain):
    """`gain` times images, rotated about the gray axis and (de)saturated.

    `tangent` is that of half the angle. The rotation matrix (Rodrigues) is
    circulant: red, green and blue are treated alike.
    """
    square = 1 + tangent * tangent
    cosine = saturation * (1 - tangent * tangent) / square
    sine = saturation * 2 * tangent / square
    same = (1 + 2 * cosine) * (gain / 3)
    following = (1 - cosine) * (gain / 3) - sine * gain * 3**-0.5
    previous = (1 - cosine) * (gain / 3) + sine * gain * 3**-0.5
    # Gathering channel planes is three times as fast as gathering pixels.
    planes = tf.transpose(images, (0, 3, 1, 2))
    planes = (
        planes * same
        + tf.gather(planes, [1, 2, 0], axis=1) * following
        + tf.gather(planes, [2, 0, 1], axis=1) * previous
    )
    return tf.transpose(planes, (0, 2, 3, 1))


def _mean(images, low, high):
    """Mean of each image, with values rounded down to 2**-16 of the range."""
    num_values = images.shape[1] * images.shape[2] * images.shape[3]
    steps = tf.cast((images - low) * (_STEPS / (high - low)), tf.int64)
    total = tf.reduce_sum(steps, (1, 2, 3), keepdims=True)
    scale = (high - low) / (_STEPS * num_values)
    return tf.cast(total, tf.float32) * scale + low
