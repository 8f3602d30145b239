"""A batch cut into parts, which the processor's cores work on side by side.

Small convolutions gain little from a second thread: two halves of a batch,
with half of the cores each, are done sooner than the whole with all of them
(`benchmarks/speed`, row 9). How many threads an operation has is fixed when
TensorFlow starts, for the whole process, so it is the program that chooses.
"""

import contextlib
import os

import tensorflow as tf


def in_parts(function, images):
    """`function(images)`, part by part at the same time where that is faster.

    Args:
        function: A function from images (batch, ...) to a list of tensors
            (batch, ...), where no image depends on another.
        images: Tensor of any batch size.

    Returns:
        What the function gives for all images, up to rounding.
    """
    num = num_parts()
    # Run eagerly, parts would wait for one another.
    if num == 1 or not tf.inside_function():
        return function(images)
    size = tf.shape(images)[0]
    # No part may be empty: oneDNN's kernels lose the shape of nothing.
    missing = tf.maximum(num - size, 0)
    images = tf.pad(images, [[0, missing]] + [[0, 0]] * (images.ndim - 1))
    ends = [(size + missing) * part // num for part in range(num + 1)]
    sizes = [end - start for start, end in zip(ends, ends[1:])]
    parts = [function(part) for part in tf.split(images, sizes, num=num)]
    return [tf.concat(outputs, axis=0)[:size] for outputs in zip(*parts)]


def halve_threads():
    """Gives each operation half of the cores, so that two parts are at work.

    For programs that are about to train with frozen BatchNormalization, best
    in small batches; a pass that normalizes a batch as a whole is not cut, and
    is slower for it. Does nothing once TensorFlow has started, or where the
    threads were chosen.
    """
    if not chosen_threads():
        with contextlib.suppress(RuntimeError):
            threads = max(1, num_cores() // 2)
            tf.config.threading.set_intra_op_parallelism_threads(threads)


def num_parts():
    """How many operations the cores can work on at once, at least 1."""
    threads = chosen_threads()
    if not threads or tf.config.get_visible_devices("GPU"):
        return 1
    return max(1, num_cores() // threads)


def chosen_threads():
    """Threads of an operation, 0 where nobody chose them."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return threads or int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0))


def num_cores():
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
