"""Random views as pure functions of image, view number and seed."""

import functools

import tensorflow as tf

from tfdcu.data.augment.color import color
from tfdcu.data.augment.geometry import flip_crop
from tfdcu.data.augment.geometry import shift
from tfdcu.data.augment.geometry import zoom
from tfdcu.data.augment.stateless_random import mixed

# Augmentations by name; `None` leaves the image unchanged.
AUGMENTATIONS = {"flip_crop": flip_crop, "shift": shift, "zoom": zoom}
# Augmentations that also need the value range of the pixels.
COLORS = {"color": color}
# Augmentations that maps of labels follow: places change, no values.
MOVES = {"flip_crop": flip_crop}


def view_seeds(ids, views, seed):
    """A seed for each image's view, different for every (id, view, seed).

    Args:
        ids: Int64 tensor (batch,), indices of the images in their source.
        views: Int64 tensor (batch,), numbers of the views, modulo 2**32.
        seed: Integer from 0 to 2**31 - 1.

    Returns:
        Int64 tensor (batch, 2).
    """
    return tf.stack([(seed % 2**31 << 32) + views % 2**32, ids], 1)


def stream(seeds, number):
    """Derives new seeds, for an independent stream of random numbers.

    Args:
        seeds: Int64 tensor (batch, 2).
        number: Number of the stream; 0 returns the seeds unchanged. Seeds that
            differ stay different in the same stream.

    Returns:
        Int64 tensor (batch, 2).
    """
    if number == 0:
        return seeds
    # A bijection of the first word, with another odd multiple per stream.
    added = tf.constant(number * 0x9E3779B97F4A7C15 % 2**64, tf.uint64)
    words = mixed(tf.cast(seeds[:, 0], tf.uint64) + added)
    return tf.stack([tf.cast(words, tf.int64), seeds[:, 1]], 1)


def resolve(augment, value_range=(0.0, 1.0)):
    """The function (images, seeds) -> views that `augment` stands for.

    Args:
        augment: `None`; a name in `AUGMENTATIONS` or `COLORS`; a callable
            (image, seed) -> image for one image and its `view_seeds`; or a
            tuple of names and callables, applied in order, each with its own
            `stream` of seeds.
        value_range: (low, high) of the pixels; `None` for other inputs than
            images.

    Returns:
        The function, or `None`.

    Raises:
        ValueError: If the augmentation is unknown, or these are no images.
    """
    if augment is None:
        return None
    if value_range is None:
        raise ValueError(
            "Only images are augmented. Expected: augment=None; put layers "
            "such as keras.layers.GaussianNoise into the network instead. "
            f"Received: augment={augment!r}."
        )
    if callable(augment):
        return _each(augment)
    if isinstance(augment, (tuple, list)) and len(augment):
        return _chain([_named(name, augment, value_range) for name in augment])
    return _named(augment, augment, value_range)


def _named(name, augment, value_range):
    if callable(name):
        return _each(name)
    if isinstance(name, str) and name in AUGMENTATIONS:
        return AUGMENTATIONS[name]
    if isinstance(name, str) and name in COLORS:
        return functools.partial(COLORS[name], value_range=value_range)
    raise ValueError(
        f"Unknown augmentation. Expected: None, one of "
        f"{sorted({*AUGMENTATIONS, *COLORS})}, a callable (image, seed) -> "
        f"image or a tuple of those. Received: augment={augment!r}."
    )


def _chain(parts):
    def views(images, seeds):
        for number, part in enumerate(parts):
            images = part(images, stream(seeds, number))
        return images

    return views


def _each(augment):
    # A user's function may have control flow on tensors.
    augment = tf.function(augment)

    def views(images, seeds):
        return tf.map_fn(
            lambda pair: tf.ensure_shape(augment(*pair), images.shape[1:]),
            (images, seeds),
            fn_output_signature=tf.TensorSpec(images.shape[1:], images.dtype),
        )

    return views


def viewing_maps(augment, label_shape, image_shape, seed):
    """As `viewing`, for the labels of each position of the same images.

    Args:
        augment: As in `training_batches`.
        label_shape: Shape of the labels of one image.
        image_shape: (height, width, channels).
        seed: Integer from 0 to 2**31 - 1.

    Returns:
        Function from labels (batch, height, width, ...), ids and view numbers
        to the labels of the views.

    Raises:
        ValueError: If the labels cannot follow their images.
    """
    names = augment if isinstance(augment, (tuple, list)) else (augment,)
    followed = augment is None or all(
        isinstance(name, str) and name in MOVES | COLORS for name in names
    )
    same_size = tuple(label_shape[:2]) == tuple(image_shape[:2])
    if not followed or (augment is not None and not same_size):
        raise ValueError(
            "Maps of labels cannot follow this augmentation. Expected: "
            f"augment=None, or some of {sorted(MOVES | COLORS)} and maps as "
            f"large as the images, {tuple(image_shape[:2])}. Received: "
            f"augment={augment!r} and labels of shape {tuple(label_shape)}."
        )

    def views(labels, ids, numbers):
        if augment is None:
            return labels
        maps = labels[..., None] if len(label_shape) == 2 else labels
        seeds = view_seeds(ids, numbers, seed)
        for number, name in enumerate(names):
            if name in MOVES:
                maps = MOVES[name](maps, stream(seeds, number))
        return tf.reshape(maps, tf.shape(labels))

    return views


def viewing(augment, value_range, seed):
    """A pure function from images and their indices to views.

    Stored targets rely on it: the same ids and numbers give bit-identical
    views in any batch.

    Args:
        augment: As in `training_batches`.
        value_range: (low, high) of the pixels.
        seed: Integer from 0 to 2**31 - 1.

    Returns:
        Function from float32 images (batch, height, width, channels), int64
        ids (batch,) and int64 view numbers (batch,) to views of the same
        shape.

    Raises:
        ValueError: If the augmentation is unknown.
    """
    view = resolve(augment, value_range)

    def views(images, ids, numbers):
        if view is None:
            return images
        return view(images, view_seeds(ids, numbers, seed))

    return views
