"""Fingerprints of images and views, to detect changes."""

import functools
import hashlib

import numpy as np
import tensorflow as tf

from tfdcu.data.augment.augment import resolve
from tfdcu.data.augment.augment import view_seeds
from tfdcu.data.sample import images_of
from tfdcu.workdir.fingerprint import fingerprint_of

# Images that are compared before training starts.
NUM_LOOKED_AT = 64
# Random images whose views are hashed.
_NUM_PROBES = 8


def checksums(images):
    """A checksum of each image's pixels.

    A multilinear hash (Carter & Wegman 1979): each pixel's bits as a 32-bit
    word, times a random odd number for its position, summed modulo 2**64. It
    costs one pass over the pixels and runs inside a `tf.data` pipeline.

    Args:
        images: Float32 tensor (batch, height, width, channels), or one of 32
            bits of another shape; only the batch size may be unknown.

    Returns:
        Int64 tensor (batch,).
    """
    num_pixels = int(np.prod(images.shape[1:]))
    words = tf.bitcast(tf.reshape(images, (-1, num_pixels)), tf.int32)
    factors = tf.constant(_factors(num_pixels))
    return tf.reduce_sum(tf.cast(words, tf.int64) * factors, 1)


def some_images(source):
    """At most 64 images: evenly spaced with random access, else the first.

    Args:
        source: A `Source`.

    Returns:
        (int array of their indices, float32 array of the images).
    """
    num = min(NUM_LOOKED_AT, source.num_images)
    if source.lookup is not None:
        ids = np.arange(num) * source.num_images // num
        return ids, images_of(source, num)
    first = next(iter(source.without_labels().batches(num)))
    return np.arange(num), first.numpy()


def describe_source(source):
    """A fingerprint of a source as JSON; decodes only a few images.

    Args:
        source: A `Source`.

    Returns:
        Dict with the number of images and, if every process reads them in the
        same order, a digest of the pixels of a few and one of all labels.
    """
    description = {"num_images": source.num_images}
    if source.lasting:
        pixels = checksums(tf.constant(some_images(source)[1])).numpy()
        description["digest"] = _digest(pixels)
        if source.labeled:
            description["labels"] = _digest(source.labels())
    return description


def describe_views(augment, views, seed, image_shape, value_range):
    """A fingerprint of the views that training uses, as JSON.

    Args:
        augment: As in `training_batches`.
        views: Number of views of each image.
        seed: Seed of the views.
        image_shape: (height, width, channels).
        value_range: (low, high).

    Returns:
        Dict. Its `digest` is a hash of a few views of random images, so it
        changes when a callable or a release of the same name gives other
        views.
    """
    view = resolve(augment, value_range)
    if view is None:
        return {"augment": None, "views": 1}
    return {
        "augment": fingerprint_of(augment),
        "views": views,
        "seed": seed,
        "digest": _digest_of_views(view, image_shape, value_range),
    }


def _digest_of_views(view, image_shape, value_range):
    low, high = value_range
    images = np.random.default_rng(0).random((_NUM_PROBES, *image_shape))
    images = (images * (high - low) + low).astype("float32")
    # The pipeline computes views on the CPU; a GPU would round differently.
    with tf.device("CPU:0"):
        ids = tf.range(_NUM_PROBES, dtype=tf.int64)
        seeds = view_seeds(ids, 0 * ids, 0)
        return _digest(view(tf.constant(images), seeds).numpy())


def _digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


@functools.lru_cache(8)
def _factors(num):
    drawn = np.random.default_rng(0).integers(-(2**62), 2**62, num)
    return 2 * drawn + 1
