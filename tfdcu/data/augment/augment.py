"""Random views, each a pure function of an image, its number and a seed."""

import functools

import tensorflow as tf

from tfdcu.data.augment.color import color
from tfdcu.data.augment.geometry import flip_crop
from tfdcu.data.augment.geometry import shift
from tfdcu.data.augment.geometry import zoom
from tfdcu.data.augment.stateless_random import mixed

# Known views by name; `None` is the image itself.
AUGMENTATIONS = {"flip_crop": flip_crop, "shift": shift, "zoom": zoom}
# More of them, which also need to know the range of the pixels.
COLORS = {"color": color}


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


def stream(seeds, number):
    """Other seeds made of seeds, for what must be drawn apart from the rest.

    Args:
        seeds: Int64 tensor (batch, 2).
        number: Integer; 0 leaves the seeds as they are. Seeds that differ stay
            different under the same number.

    Returns:
        Int64 tensor (batch, 2).
    """
    if number == 0:
        return seeds
    # Bijections of the first word; another multiple of the odd number each.
    added = tf.constant(number * 0x9E3779B97F4A7C15 % 2**64, tf.uint64)
    words = mixed(tf.cast(seeds[:, 0], tf.uint64) + added)
    return tf.stack([tf.cast(words, tf.int64), seeds[:, 1]], 1)


def resolve(augment, value_range=(0.0, 1.0)):
    """A function (images, seeds) -> views of a batch, or `None`.

    Args:
        augment: `None`; a name in `AUGMENTATIONS` or `COLORS`; a callable
            (image, seed) -> image of one image, which gets its own of the
            `view_seeds`; or several names and callables, applied in order,
            each with a `stream` of the seeds to itself.
        value_range: (low, high) of the pixels.

    Returns:
        The function, or `None`.

    Raises:
        ValueError: For anything else.
    """
    if augment is None:
        return None
    if callable(augment):
        return _each(augment)
    if isinstance(augment, (tuple, list)) and len(augment):
        return _in_turn([_named(one, augment, value_range) for one in augment])
    return _named(augment, augment, value_range)


def _named(one, augment, value_range):
    if callable(one):
        return _each(one)
    if isinstance(one, str) and one in AUGMENTATIONS:
        return AUGMENTATIONS[one]
    if isinstance(one, str) and one in COLORS:
        return functools.partial(COLORS[one], value_range=value_range)
    raise ValueError(
        f"Unknown augmentation. Expected None, one of "
        f"{sorted({*AUGMENTATIONS, *COLORS})}, a callable (image, seed) -> "
        f"image or a tuple of those. Received {augment!r}."
    )


def _in_turn(parts):
    def views(images, seeds):
        for number, part in enumerate(parts):
            images = part(images, stream(seeds, number))
        return images

    return views


def _each(augment):
    # A user's own may have control flow on tensors.
    augment = tf.function(augment)

    def views(images, seeds):
        return tf.map_fn(
            lambda pair: tf.ensure_shape(augment(*pair), images.shape[1:]),
            (images, seeds),
            fn_output_signature=tf.TensorSpec(images.shape[1:], images.dtype),
        )

    return views


def viewing(augment, value_range, seed, mix=None):
    """A pure function from images, and which they are, to their views.

    Stored targets lean on it: whoever calls it with the same ids and numbers
    gets the same bits, in whatever batch.

    Args:
        augment: As in `training_batches`.
        value_range: (low, high) of the pixels.
        seed: Integer from 0 to 2**31 - 1.
        mix: What `open_mix` gave.

    Returns:
        Function from float32 images (batch, height, width, channels), int64
        ids (batch,) and int64 numbers of their views (batch,) to the views,
        of the same shape.

    Raises:
        ValueError: If the augmentation is unknown.
    """
    view = resolve(augment, value_range)

    def views(images, ids, numbers):
        seeds = view_seeds(ids, numbers, seed)
        if view is not None:
            images = view(images, seeds)
        return images if mix is None else mix(view, images, seeds)

    return views
