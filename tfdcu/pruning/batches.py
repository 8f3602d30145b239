"""Iterates over unlabeled images in batches."""

import numpy as np
from keras import tree


def batches(images, size=32, limit=None):
    """Yields batches of unlabeled images.

    Args:
        images: An array (or a list of arrays, one per model input), or an
            iterable of batches; of a tuple (images, labels) the labels are
            dropped.
        size: Batch size, for arrays. Default 32.
        limit: Maximum number of images. Defaults to `None`: all.

    Yields:
        Arrays (or lists of arrays) of shape (batch, ...).
    """
    seen = 0
    for batch in _iterate(images, size):
        count = len(tree.flatten(batch)[0])
        if limit is not None and seen + count > limit:
            batch = tree.map_structure(lambda x: x[: limit - seen], batch)
        yield batch
        seen += count
        if limit is not None and seen >= limit:
            return


def _iterate(images, size):
    if hasattr(images, "shape"):
        for start in range(0, len(images), size):
            yield np.asarray(images[start : start + size], "float32")
    elif isinstance(images, list) and all(hasattr(x, "shape") for x in images):
        for start in range(0, len(images[0]), size):
            yield [np.asarray(x[start : start + size]) for x in images]
    else:
        for batch in images:
            yield batch[0] if isinstance(batch, tuple) else batch
