"""Geometric augmentation: shifts, flips and zooms."""

import tensorflow as tf

from tfdcu.data.augment.stateless_random import uniform

# Largest shift, as a share of the image size; at least one pixel.
_SHARE = 1 / 8
# Largest zoom factor.
_ZOOM = 1.3


def flip_crop(images, seeds):
    """Flips half of the images and shifts each by up to an eighth.

    The usual augmentation of CIFAR and photos (He et al. 2016, section 4.2:
    random crops of 32 pixels with 4 pixels of padding, and flips). The border
    is filled by reflection, since black borders change BatchNorm statistics.

    Args:
        images: Float tensor (batch, height, width, channels).
        seeds: Int64 tensor (batch, 2), one per image.

    Returns:
        Views of the same shape.
    """
    draws = uniform(seeds, 3)
    rows = _reflected(_moved(images.shape[1], draws[:, 0]), images.shape[1])
    columns = _reflected(_moved(images.shape[2], draws[:, 1]), images.shape[2])
    mirrored = images.shape[2] - 1 - columns
    columns = tf.where(draws[:, 2:] < 0.5, mirrored, columns)
    return _gathered(images, rows, columns)


def shift(images, seeds):
    """Shifts each image by up to an eighth, or one pixel; no flips.

    For digits and other images that must not be flipped. New pixels at the
    border get the smallest value of the image, the background of white on
    black.

    Args:
        images: Float tensor (batch, height, width, channels).
        seeds: Int64 tensor (batch, 2), one per image.

    Returns:
        Views of the same shape.
    """
    draws = uniform(seeds, 2)
    rows = _moved(images.shape[1], draws[:, 0])
    columns = _moved(images.shape[2], draws[:, 1])
    inside_rows = tf.clip_by_value(rows, 0, images.shape[1] - 1)
    inside_columns = tf.clip_by_value(columns, 0, images.shape[2] - 1)
    moved = _gathered(images, inside_rows, inside_columns)
    inside = tf.logical_and(
        tf.equal(rows, inside_rows)[:, :, None],
        tf.equal(columns, inside_columns)[:, None, :],
    )  # (batch, height, width)
    background = tf.reduce_min(images, (1, 2, 3), keepdims=True)
    return tf.where(inside[..., None], moved, background)


def zoom(images, seeds):
    """Zooms each image in or out by a factor up to 1.3, about its center.

    The logarithm of the factor is uniform; the border is filled by reflection.
    Bilinear interpolation blurs slightly, which brings a pool that is sharper
    than the labeled images closer to them.

    Args:
        images: Float tensor (batch, height, width, channels).
        seeds: Int64 tensor (batch, 2), one per image.

    Returns:
        Views of the same shape.
    """
    factors = _ZOOM ** (2 * uniform(seeds, 1) - 1)
    for axis in (1, 2):
        size = images.shape[axis]
        middle = (size - 1) / 2
        places = (tf.range(size, dtype=tf.float32) - middle) * factors + middle
        before = tf.floor(places)  # (batch, size)
        weights = places - before
        shape = [-1, size, 1, 1] if axis == 1 else [-1, 1, size, 1]
        weights = tf.reshape(weights, shape)
        first, second = (
            tf.gather(images, _reflected(place, size), axis=axis, batch_dims=1)
            for place in (tf.cast(before, tf.int32) + by for by in (0, 1))
        )
        images = first + weights * (second - first)
    return images


def mirrored(images, which):
    """Flips some images left to right.

    Args:
        images: Float tensor (batch, height, width, channels).
        which: Bool tensor (batch,).

    Returns:
        Tensor of the same shape.
    """
    return tf.where(which[:, None, None, None], images[:, :, ::-1], images)


def _moved(size, draws):
    """Source index of each position of an axis, for each draw in [0, 1)."""
    by = max(1, round(size * _SHARE))
    start = tf.cast(tf.floor(draws * (2 * by + 1)), tf.int32) - by
    return start[:, None] + tf.range(size)  # (batch, size)


def _reflected(places, size):
    places = tf.abs(places)
    # An axis of one pixel has nothing to reflect.
    return tf.maximum(size - 1 - tf.abs(size - 1 - places), 0)


def _gathered(images, rows, columns):
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)
