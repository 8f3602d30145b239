"""Splits a batch into parts that the CPU cores run in parallel.

Small convolutions gain little from more threads: two half batches, each on
half of the cores, are faster than one batch on all cores (`benchmarks/speed`,
row 9). The number of threads per operation is fixed for the whole process
when TensorFlow starts, so programs set it.
"""

import contextlib
import os

import tensorflow as tf


def in_parts(function, images):
    """`function(images)`, computed in parallel parts where that is faster.

    Args:
        function: Function from images (batch, ...) to a list of tensors
            (batch, ...) in which no image depends on another.
        images: Tensor of any batch size.

    Returns:
        The list of tensors for all images, up to rounding.
    """
    num = num_parts()
    # In eager mode the parts would run one after the other.
    if num == 1 or not tf.inside_function():
        return function(images)
    size = tf.shape(images)[0]
    # No part may be empty: oneDNN loses the shape of an empty batch.
    missing = tf.maximum(num - size, 0)
    images = tf.pad(images, [[0, missing]] + [[0, 0]] * (images.ndim - 1))
    ends = [(size + missing) * part // num for part in range(num + 1)]
    sizes = [end - start for start, end in zip(ends, ends[1:])]
    parts = [function(part) for part in tf.split(images, sizes, num=num)]
    return [tf.concat(outputs, axis=0)[:size] for outputs in zip(*parts)]


def halve_threads():
    """Gives each operation half of the cores, so that two parts can run.

    Use it in programs that train with frozen BatchNormalization, best in
    small batches. A pass that normalizes over the batch is not split, and
    becomes slower. Does nothing if TensorFlow has started or the number of
    threads is already set.
    """
    if not chosen_threads():
        with contextlib.suppress(RuntimeError):
            threads = max(1, num_cores() // 2)
            tf.config.threading.set_intra_op_parallelism_threads(threads)


def num_parts():
    """Number of parts that can run in parallel, at least 1."""
    threads = chosen_threads()
    if not threads or tf.config.get_visible_devices("GPU"):
        return 1
    return max(1, num_cores() // threads)


def chosen_threads():
    """Threads per operation, 0 if not set."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return threads or int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0))


def num_cores():
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
