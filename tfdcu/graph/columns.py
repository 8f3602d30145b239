"""Labels of several outputs as one row: side by side, in order of the names.

So whatever reads, draws and batches labels sees one array of integers; only
where labels are given and where they are compared are they told apart.
"""

import math

import numpy as np
import tensorflow as tf


def widths(shapes):
    """Number of columns that the labels of each output take.

    Args:
        shapes: Dict from the name of an output to the shape of its labels for
            one image.

    Returns:
        List of ints, in order of the names.
    """
    return [math.prod(shapes[name]) for name in sorted(shapes)]


def row_shape(label_shape):
    """The shape of the labels of one image as they are kept.

    Args:
        label_shape: As in `tfdcu.data.open_source`.

    Returns:
        A tuple: `label_shape` itself, or of several outputs `(columns,)`.
    """
    if isinstance(label_shape, dict):
        return (sum(widths(label_shape)),)
    return tuple(label_shape)


def by_name(label_shape):
    """`label_shape` of several outputs, a dict of tuples, else `None`."""
    if not isinstance(label_shape, dict):
        return None
    return {name: tuple(shape) for name, shape in label_shape.items()}


def pack(labels, shapes):
    """One row for each image.

    Args:
        labels: Dict by name of arrays (n, *shape).
        shapes: As in `widths`.

    Returns:
        Array (n, columns).
    """
    given = [labels[name] for name in sorted(shapes)]
    return np.concatenate([np.reshape(x, (len(x), -1)) for x in given], axis=1)


def pack_one(labels, shapes):
    """The row of one image: as `pack`, of tensors of shape `shape`."""
    return tf.concat([tf.reshape(labels[n], [-1]) for n in sorted(shapes)], 0)


def unpack(rows, shapes):
    """The labels of each output: the inverse of `pack`.

    Args:
        rows: Array or tensor (n, columns).
        shapes: As in `widths`.

    Returns:
        Dict by name of arrays or tensors (n, *shape).
    """
    found, start = {}, 0
    for name, width in zip(sorted(shapes), widths(shapes)):
        part = rows[:, start : start + width]
        reshape = tf.reshape if tf.is_tensor(part) else np.reshape
        found[name] = reshape(part, (-1, *shapes[name]))
        start += width
    return found
