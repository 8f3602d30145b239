"""A training batch: labeled images, the pool and the teacher's targets."""

import keras


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
