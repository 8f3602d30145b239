"""Mixup and CutMix of two batches of images."""

import tensorflow as tf


def mixup(images, partners, draws):
    """Weighted means of images and their partners (Zhang et al. 2018).

    arXiv:1710.09412, with Beta(1, 1): the weight is uniform.

    Args:
        images: Float32 tensor (batch, height, width, channels).
        partners: Tensor of the same shape.
        draws: Float32 tensor (batch, 4) from [0, 1); the first is the weight
            of the image.

    Returns:
        `weight * images + (1 - weight) * partners`.
    """
    weight = draws[:, :1, None, None]
    return weight * images + (1 - weight) * partners


def cutmix(images, partners, draws):
    """Replaces a box of each image by its partner's (Yun et al. 2019).

    arXiv:1905.04899, section 3.1: the box has the image's proportions and any
    center, and is clipped at the border; its area before clipping is uniform
    (Beta(1, 1)). The side, the square root of the area, is computed as the
    larger of two uniform draws, which has the same distribution.

    Args:
        images: Float32 tensor (batch, height, width, channels).
        partners: Tensor of the same shape.
        draws: Float32 tensor (batch, 4) from [0, 1): two for the side, as a
            share of the image's; row and column of the center.

    Returns:
        Mixes of the same shape.
    """
    side = tf.reduce_max(draws[:, :2], 1)
    rows = _within(images.shape[1], side, draws[:, 2])
    columns = _within(images.shape[2], side, draws[:, 3])
    box = tf.logical_and(rows[:, :, None], columns[:, None, :])
    return tf.where(box[..., None], partners, images)


# Mixes by name.
MIXES = {"mixup": mixup, "cutmix": cutmix}


def _within(size, side, center):
    """Which positions of an axis are inside each box: bool (batch, size)."""
    center = tf.cast(center * size, tf.int32)
    half = tf.cast(side * size, tf.int32) // 2
    # A draw close to 1 may be rounded up to the size, past the last index.
    center = tf.minimum(center, size - 1)
    places = tf.range(size)
    return tf.logical_and(
        places >= (center - half)[:, None], places < (center + half)[:, None]
    )
