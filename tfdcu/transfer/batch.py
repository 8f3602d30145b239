"""A training batch: labeled images, the pool and the teacher's targets."""

import keras
import tensorflow as tf


def split_pools(data):
    """The parts of a batch as (labeled or `None`, pool, targets or `None`).

    `((x, y[, weight]), u)` gives `((x, y, weight), u, None)`, `(u,)` gives
    `(None, u, None)` and `((x, y), u, targets)` all three; without labels
    that is `((), u, targets)`. Evaluation batches `(x, y)` come back as
    `((x, y, None), None, None)`.
    """
    if not isinstance(data, (tuple, list)) or len(data) == 1:
        return None, keras.tree.flatten(data)[0], None
    if not isinstance(data[0], (tuple, list)):
        labeled, pool, targets = data, None, None
    else:
        labeled, pool, targets = (*data, None)[:3]
    if labeled:
        labeled = keras.utils.unpack_x_y_sample_weight(tuple(labeled))
    return labeled or None, pool, targets


def all_images(labeled, pool):
    """The images of both pools as one batch of floats, the labeled ones first.

    Args:
        labeled, pool: As `split_pools` gives them.

    Returns:
        Tensor (batch, height, width, channels), of float32 or more.

    Raises:
        ValueError: If there is no pool.
    """
    if pool is None:
        raise ValueError(
            "There is no pool to learn from. Expected: batches of ((image, "
            "label), unlabeled), as `training_batches` makes, or of "
            "(unlabeled,). Received: batches of (image, label)"
        )
    parts = [pool] if labeled is None else [labeled[0], pool]
    dtype = keras.backend.result_type("float32", *[p.dtype for p in parts])
    parts = [tf.cast(part, dtype) for part in parts]
    return parts[0] if labeled is None else tf.concat(parts, axis=0)
