"""Views by geometry: shifts, mirror images, zooms."""

import tensorflow as tf

from tfdcu.data.augment.stateless_random import uniform

# How far images are moved, as a share of their size, but at least a pixel.
_SHARE = 1 / 8
# How much larger or smaller images become.
_ZOOM = 1.3


def flip_crop(images, seeds):
    """Mirrors half of the images and moves each by up to an eighth.

    The usual augmentation of CIFAR and photos (He et al. 2016, section 4.2:
    4 pixels of padding at 32 pixels, and flips). The border is filled by
    reflection, which is ours: black borders are foreign to BatchNorm.

    Args:
        images: Float tensor (batch, height, width, channels).
        seeds: Int64 tensor (batch, 2), one an image.

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
    """Moves each image by up to an eighth, at least by one pixel, no flips.

    For digits and whatever must not be mirrored. What comes in at the border
    has the image's smallest value: the paper of white ink on black.

    Args:
        images: Float tensor (batch, height, width, channels).
        seeds: Int64 tensor (batch, 2), one an image.

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
    paper = tf.reduce_min(images, (1, 2, 3), keepdims=True)
    return tf.where(inside[..., None], moved, paper)


def zoom(images, seeds):
    """Makes what each image shows larger or smaller by a factor up to 1.3.

    The factor's logarithm is drawn evenly, the centers stay, the border is
    filled by reflection. Pixels are means of their neighbors (bilinear), so
    that a pool that is sharper than the labeled images loses some of it: a
    view for few labels and many foreign images. Ours.

    Args:
        images: Float tensor (batch, height, width, channels).
        seeds: Int64 tensor (batch, 2), one an image.

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
    """Exchanges left and right of some images.

    Args:
        images: Float tensor (batch, height, width, channels).
        which: Bool tensor (batch,).

    Returns:
        Tensor of the same shape.
    """
    return tf.where(which[:, None, None, None], images[:, :, ::-1], images)


def _moved(size, draws):
    """For each draw in [0, 1) where every place of an axis comes from."""
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
