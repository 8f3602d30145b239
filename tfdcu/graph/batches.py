"""Iterates over unlabeled images in batches."""

import numpy as np
from keras import tree


def batches(images, size=32, limit=None):
    """Yields batches of unlabeled images.

    Args:
        images: An array (or a list of arrays, one per model input), or an
            iterable of batches; of a tuple (images, labels) the labels are
            dropped.
        size: Most images of a batch. Default 32.
        limit: Maximum number of images; of arrays with more, evenly spaced
            ones, since images are often sorted by class. Defaults to `None`:
            all.

    Yields:
        Arrays (or lists of arrays) of shape (batch, ...).
    """
    seen = 0
    for batch in _iterate(images, size, limit):
        count = len(tree.flatten(batch)[0])
        if limit is not None:
            count = min(count, limit - seen)
        for start in range(0, count, size):
            part = slice(start, min(start + size, count))
            yield tree.map_structure(lambda x, part=part: x[part], batch)
        seen += count
        if seen == limit:
            return


def _iterate(images, size, limit):
    if hasattr(images, "shape"):
        for part in _parts(len(images), size, limit):
            yield np.asarray(images[part], "float32")
    elif isinstance(images, list) and all(hasattr(x, "shape") for x in images):
        for part in _parts(len(images[0]), size, limit):
            yield [np.asarray(x[part]) for x in images]
    else:
        for batch in images:
            if isinstance(batch, dict) and set(batch) == {"inputs"}:
                yield list(batch["inputs"])
            else:
                yield batch[0] if isinstance(batch, tuple) else batch


def _parts(num, size, limit):
    """Slices or index arrays of at most `limit` images, batch by batch."""
    if limit is None or num <= limit:
        return [slice(start, start + size) for start in range(0, num, size)]
    index = np.arange(limit) * num // limit
    return [index[start : start + size] for start in range(0, limit, size)]
