"""Shuffle a source by a pure function of the seed and the epoch."""

import tensorflow as tf

from tfdcu.data.sources import source as source_lib


def epoch_batches(source, steps, size, epoch, seed):
    """The undecoded batches of one epoch, in a random order.

    The source is read as many times as needed, in another order each time.
    With random access the order of a pass is one pseudorandom permutation of
    all records (TensorFlow's `RandomIndexShuffle`), which needs no memory. A
    stream is shuffled within windows of `source.SHUFFLE_LIMIT` bytes, so a
    longer stream must not be sorted by class; an epoch that takes a part of it
    begins where the last one ended.

    Args:
        source: A `Source`.
        steps: Number of batches.
        size: Records per batch.
        epoch: Scalar int64 tensor, below 2**32.
        seed: Integer, a multiple of 2**32.

    Returns:
        A `tf.data.Dataset` of (ids, views, records): int64 (size,) indices of
        the images in the source; int64 (size,) numbers of the passes, counted
        over all epochs; and their undecoded records.
    """
    key = seed + epoch
    passes = -(-steps * size // source.num_images)
    if source.lookup is not None:

        @source_lib.as_written
        def batch(step):
            index = step * size + tf.range(size, dtype=tf.int64)
            ids = _shuffled(index, source.num_images, key)
            views = epoch * passes + index // source.num_images
            return ids, views, source.lookup(ids)

        return tf.data.Dataset.range(steps).map(batch)
    begun = epoch * passes
    skipped = tf.zeros_like(epoch)
    # Of a pool only an incomplete batch is left, in every epoch another one.
    if (steps + 1) * size <= source.num_images:
        begun = epoch * steps * size // source.num_images
        skipped = epoch * steps * size % source.num_images
        passes = 2
    records = tf.data.Dataset.range(begun, begun + passes).flat_map(
        lambda number: _in_windows(source, tf.stack([seed, number])).map(
            lambda place, record: (place, number, record)
        )
    )
    records = records.skip(skipped).batch(size, drop_remainder=True)
    return records.take(steps)


def _shuffled(index, num, key):
    # tf.random.experimental.index_shuffle takes two 32-bit seeds; three are
    # needed here, which the raw op takes.
    passes = index // num
    ones = tf.ones_like(passes)
    return tf.raw_ops.RandomIndexShuffle(
        index=index % num,
        seed=tf.stack([ones * (key // 2**32), ones * (key % 2**32), passes], 1),
        max_index=ones * (num - 1),
        # With four rounds, records stay beside their neighbors for small seeds.
        rounds=8,
    )


def _in_windows(source, seed):
    size = max(1, source_lib.SHUFFLE_LIMIT // source.record_bytes)
    size = min(size, source.num_images)

    @source_lib.as_written
    def permuted(number, window):
        length = tf.shape(tf.nest.flatten(window)[0])[0]
        order = tf.random.experimental.stateless_shuffle(
            tf.range(length), seed + [0, number * 2**32]
        )
        return tf.nest.map_structure(lambda x: tf.gather(x, order), window)

    places = source.records.enumerate()
    windows = places.batch(size).enumerate().map(permuted)
    return windows.unbatch()
