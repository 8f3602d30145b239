"""Whether images, and the views of them, are the same as before."""

import functools
import hashlib

import numpy as np
import tensorflow as tf

from tfdcu.data.augment.augment import resolve
from tfdcu.data.augment.augment import view_seeds
from tfdcu.data.sample import images_of
from tfdcu.workdir.fingerprint import fingerprint_of

# Images that are compared before anything starts.
NUM_LOOKED_AT = 64
# Images that views are tried on.
_NUM_PROBES = 8


def checksums(images):
    """A number for each image that differs when any pixel does.

    The pixels' bits, as 32-bit words, times odd numbers drawn for each place,
    added up modulo 2**64: a multilinear hash (Carter & Wegman 1979), which
    costs one pass over the pixels inside of a pipeline.

    Args:
        images: Float32 tensor (batch, height, width, channels), of known
            shape but for the batch.

    Returns:
        Int64 tensor (batch,).
    """
    num_pixels = int(np.prod(images.shape[1:]))
    words = tf.bitcast(tf.reshape(images, (-1, num_pixels)), tf.int32)
    factors = tf.constant(_factors(num_pixels))
    return tf.reduce_sum(tf.cast(words, tf.int64) * factors, 1)


def some_images(source):
    """A few images of a source, evenly spaced where they can be.

    Args:
        source: A `Source`.

    Returns:
        (int array of their places, float32 array of the images).
    """
    num = min(NUM_LOOKED_AT, source.num_images)
    if source.lookup is not None:
        ids = np.arange(num) * source.num_images // num
        return ids, images_of(source, num)
    first = next(iter(source.without_labels().batches(num)))
    return np.arange(num), first.numpy()


def describe_source(source):
    """What tells a source from one of other images, decoding a few, as JSON.

    Args:
        source: A `Source`.

    Returns:
        Dict of how many images it has and, where every process reads them in
        the same order, a digest of the pixels of a few and one of all labels.
    """
    found = {"num_images": source.num_images}
    if source.lasting:
        pixels = checksums(tf.constant(some_images(source)[1])).numpy()
        found["digest"] = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
        if source.labeled:
            labels = hashlib.sha256(source.labels().tobytes()).hexdigest()
            found["labels"] = labels[:16]
    return found


def describe_views(augment, views, seed, image_shape, value_range, mix=None):
    """What makes views other views, as JSON.

    Args:
        augment: As in `training_batches`.
        views: How many views each image has.
        seed: Their seed.
        image_shape: (height, width, channels).
        value_range: (low, high).
        mix: What `open_mix` gave.

    Returns:
        Dict. Its `digest` is that of a few views of random images, so it
        tells another callable, or another release, of the same name. It holds
        `mix` only where there is one.
    """
    view = resolve(augment, value_range)
    if view is None and mix is None:
        return {"augment": None, "views": 1}
    described = {
        "augment": fingerprint_of(augment),
        "views": views,
        "seed": seed,
    }
    if mix is not None:
        described["mix"] = mix.describe()
    if view is not None:
        described["digest"] = _digest_of(view, image_shape, value_range)
    return described


def _digest_of(view, image_shape, value_range):
    low, high = value_range
    images = np.random.default_rng(0).random((_NUM_PROBES, *image_shape))
    images = (images * (high - low) + low).astype("float32")
    # Where views are made, also beside an accelerator, which rounds otherwise.
    with tf.device("CPU:0"):
        ids = tf.range(_NUM_PROBES, dtype=tf.int64)
        seeds = view_seeds(ids, 0 * ids, 0)
        seen = view(tf.constant(images), seeds).numpy()
    return hashlib.sha256(seen.tobytes()).hexdigest()[:16]


@functools.lru_cache(8)
def _factors(num):
    drawn = np.random.default_rng(0).integers(-(2**62), 2**62, num)
    return 2 * drawn + 1
