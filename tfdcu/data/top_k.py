"""Compact logits: float16, and optionally only the k largest."""

import numpy as np
import tensorflow as tf

_LARGEST = float(np.finfo("float16").max)


def parts_of(classes, top_k=None):
    """Names, types and shapes of the stored parts of an image's logits.

    Args:
        classes: Number of classes.
        top_k: Number of largest logits that are stored; `None` for all.

    Returns:
        Dict from the name of a part to (dtype, shape).
    """
    if top_k is None:
        return {"logits": ("float16", (classes,))}
    index = "uint16" if classes <= 2**16 else "int32"
    return {
        "logits": ("float16", (top_k,)),
        "classes": (index, (top_k,)),
        "rest": ("float16", ()),
    }


def packed(logits, ids, top_k=None):
    """Packs logits into the parts that are stored.

    With `top_k`: the k largest logits, their classes, and the log-sum-exp of
    all others.

    Args:
        logits: Float array (batch, classes).
        ids: Integers (batch,), image indices for error messages.
        top_k: Below the number of classes; `None` stores all logits.

    Returns:
        Dict from name to array (batch, ...), as in `parts_of`.

    Raises:
        ValueError: If a logit is NaN, infinite or beyond float16.
    """
    logits = np.asarray(logits, "float32")
    bad = ~(np.abs(logits) <= _LARGEST)
    if bad.any():
        image, place = np.argwhere(bad)[0]
        raise ValueError(
            f"The teacher's logits cannot be stored as float16. Expected: "
            f"finite numbers from -{_LARGEST:.0f} to {_LARGEST:.0f}. "
            f"Received: {logits[image, place]} for class {place} of image "
            f"{ids[image]}."
        )
    if top_k is None:
        return {"logits": logits.astype("float16")}
    order = np.argpartition(-logits, top_k - 1, axis=1)  # largest k first
    ranked = np.take_along_axis(logits, order, 1)
    others = ranked[:, top_k:].astype("float64")
    largest = others.max(1, keepdims=True)
    rest = largest[:, 0] + np.log(np.exp(others - largest).sum(1))
    dtypes = parts_of(logits.shape[1], top_k)
    return {
        "logits": ranked[:, :top_k].astype("float16"),
        "classes": order[:, :top_k].astype(dtypes["classes"][0]),
        "rest": rest.astype("float16"),
    }


def unpacked(parts, classes):
    """Restores logits from their stored parts.

    The log-sum-exp of the other classes is spread evenly over them.

    Args:
        parts: Dict of tensors (batch, ...), as `packed` makes them.
        classes: Number of classes.

    Returns:
        Float32 tensor (batch, classes).
    """
    logits = tf.cast(parts["logits"], tf.float32)
    if "rest" not in parts:
        return logits
    size, top_k = tf.shape(logits)[0], logits.shape[1]
    each = tf.cast(parts["rest"], tf.float32) - np.log(classes - top_k)
    filled = tf.repeat(each[:, None], classes, 1)  # (batch, classes)
    rows = tf.repeat(tf.range(size)[:, None], top_k, 1)
    places = tf.stack([rows, tf.cast(parts["classes"], tf.int32)], -1)
    return tf.tensor_scatter_nd_update(filled, places, logits)
