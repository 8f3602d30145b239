"""Random views, each a pure function of an image, its number and a seed."""

import tensorflow as tf

from tfdcu.data.draws import uniform

# How far images are moved, as a share of their size, but at least a pixel.
_SHARE = 1 / 8


def view_seeds(ids, views, seed):
    """The seed of each image's view; every (id, view, seed) has its own.

    Args:
        ids: Int64 tensor (batch,), places of the images in their source.
        views: Int64 tensor (batch,), numbers of the views, modulo 2**32.
        seed: Integer from 0 to 2**31 - 1.

    Returns:
        Int64 tensor (batch, 2).
    """
    return tf.stack([(seed % 2**31 << 32) + views % 2**32, ids], 1)


def viewed(view, images, ids, numbers, seed):
    """The views of these numbers of images.

    Args:
        view: What `resolve` gave.
        images: Float tensor (batch, height, width, channels).
        ids: As in `view_seeds`.
        numbers: As `views` in `view_seeds`.
        seed: As in `view_seeds`.

    Returns:
        Views of the same shape.
    """
    if view is None:
        return images
    return view(images, view_seeds(ids, numbers, seed))


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


# Known views by name; `None` is the image itself.
AUGMENTATIONS = {"flip_crop": flip_crop, "shift": shift}


def resolve(augment):
    """A function (images, seeds) -> views of a batch, or `None`.

    Args:
        augment: `None`, a name in `AUGMENTATIONS`, or a callable (image, seed)
            -> image of one image, which gets its own of the `view_seeds`.

    Returns:
        The function, or `None`.

    Raises:
        ValueError: For anything else.
    """
    if augment is None:
        return None
    if callable(augment):
        return _each(augment)
    if augment not in AUGMENTATIONS:
        raise ValueError(
            f"Unknown augmentation. Expected None, one of "
            f"{sorted(AUGMENTATIONS)} or a callable (image, seed) -> image. "
            f"Received {augment!r}."
        )
    return AUGMENTATIONS[augment]


def _each(augment):
    def views(images, seeds):
        return tf.map_fn(
            lambda pair: tf.ensure_shape(augment(*pair), images.shape[1:]),
            (images, seeds),
            fn_output_signature=tf.TensorSpec(images.shape[1:], images.dtype),
        )

    return views


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
