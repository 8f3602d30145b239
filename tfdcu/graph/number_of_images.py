"""The number of images, told apart from other sizes while a `call` is run."""

import numpy as np
from keras import tree

# Stands for the number of images; sizes that it divides are recognized as that
# number. The first that divides no other size is taken.
_BATCHES = (61, 67, 71, 73, 79, 97)


class CannotOpen(ValueError):
    """The reason that a layer stays closed."""


def batch_for(layer, given):
    """A number of images that cannot be confused with another size."""
    sizes = [size for w in layer.weights for size in w.shape]
    sizes += [size for tensor in given for size in tensor.shape[1:] if size]
    for batch in _BATCHES:
        if not any(size % batch == 0 for size in sizes if size):
            return batch
    raise CannotOpen("its sizes are unusual")


def counts(value, batch):
    """Whether a value is a number of images, or a multiple of it."""
    if not batch or isinstance(value, (bool, np.bool_)):
        return False
    whole = isinstance(value, (int, np.integer))
    return whole and value > 0 and value % batch == 0


def repeated(made_by, batch):
    """Whether a call repeats a tensor (1, ...) once for each image."""
    kind = type(made_by.op).__name__
    if kind not in ("BroadcastTo", "Tile", "Repeat"):
        return False
    (tensor, *_), outputs = made_by.args, made_by.outputs
    before, after = tuple(tensor.shape), tuple(outputs[0].shape)
    if after == (batch, *before):
        return True
    return before[:1] == (1,) and after == (batch, *before[1:])


def without_batch(made_by, config, batch):
    """The config of an operation for any number of images."""
    kind = type(made_by.op).__name__
    found = any(counts(x, batch) for x in tree.flatten(config))
    if kind == "Reshape":
        shape = list(made_by.outputs[0].shape)
        if found or None in tree.flatten(config["newshape"]):
            free = [size is None or counts(size, batch) for size in shape]
            if sum(free) > 1:
                raise CannotOpen("it reshapes several axes of unknown size")
            config["newshape"] = [
                -1 if unsure else size for unsure, size in zip(free, shape)
            ]
        return config
    if found:
        raise CannotOpen(f"{kind} uses the number of images")
    return config
