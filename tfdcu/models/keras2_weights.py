"""Weights of a Keras 2 file, layer name by layer name."""

import h5py
import keras
import numpy as np

from tfdcu.models.keras2_config import CannotRead

# Names of weights that Keras 3 changed.
_NAMES = {"sn_u": "vector_u"}


def set_weights(model, group, names):
    """Gives a model the weights of a file.

    Args:
        model: A built `keras.Model`.
        group: The file's group "model_weights".
        names: Dict from the identity of a layer to its name in the file,
            where it is not its own.

    Raises:
        CannotRead: If weights are missing, too many or of another shape.
    """
    for layer in model.layers:
        if not layer.weights:
            continue
        found = _weights_in(group, names.get(id(layer)) or layer.name)
        leaves = _leaves(layer)
        parts = [
            [
                (name, value)
                for name, value in found
                if name.startswith(f"{names.get(id(leaf)) or leaf.name}/")
            ]
            for leaf in leaves
        ]
        counts = [len(leaf.weights) for leaf in leaves]
        if len(leaves) == 1:
            parts = [found]
        elif [len(part) for part in parts] != counts:
            # Names that are not those of layers: as Keras ordered them.
            ordered = layer.trainable_weights + layer.non_trainable_weights
            _assign(layer.name, ordered, found)
            leaves, parts = [], []
        for leaf, part in zip(leaves, parts):
            _assign(leaf.name, *_by_name(leaf.weights, part))
        for leaf in _leaves(layer):
            if isinstance(leaf, keras.layers.Normalization):
                leaf.finalize_state()


def _leaves(layer):
    """The layers with weights in a nested model, or the layer itself."""
    if not isinstance(layer, keras.Model):
        return [layer] if layer.weights else []
    return [leaf for inner in layer.layers for leaf in _leaves(inner)]


def _by_name(weights, found):
    """Pairs weights by their own names where these tell them apart."""
    own = [weight.name for weight in weights]
    given = [name.rpartition("/")[2].partition(":")[0] for name, _ in found]
    given = [_NAMES.get(name, name) for name in given]
    if sorted(own) == sorted(given) and len(set(own)) == len(own):
        found = [found[given.index(name)] for name in own]
    return weights, found


def _assign(name, weights, found):
    shapes = [tuple(weight.shape) for weight in weights]
    received = [value.shape for _, value in found]
    if shapes != received:
        raise CannotRead(
            f"the weights of its layer {name!r} do not fit. Expected: shapes "
            f"{shapes}. Received: {received}"
        )
    for weight, (_, value) in zip(weights, found):
        weight.assign(value)


def _weights_in(group, layer):
    """List of (name, array) of a layer's group, in the order of the file."""
    if layer not in group:
        return []
    inside = _own(group, layer)
    names = inside.attrs.get("weight_names")
    if names is None:
        # Too many for one attribute.
        parts, number = [], 0
        while f"weight_names{number}" in inside.attrs:
            parts.append(inside.attrs[f"weight_names{number}"])
            number += 1
        names = np.concatenate(parts) if parts else []
    names = [n.decode() if isinstance(n, bytes) else str(n) for n in names]
    return [(name, np.asarray(_own(inside, name))) for name in names]


def _own(group, path):
    """An item of the file itself: links to other files are not followed."""
    for part in filter(None, path.split("/")):
        link = group.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise CannotRead(
                "it refers to something elsewhere. Expected: weights in "
                f"the file itself. Received: {path!r}"
            )
        group = group[part]
    if isinstance(group, h5py.Dataset) and (group.external or group.is_virtual):
        raise CannotRead(
            "it refers to something elsewhere. Expected: weights in the "
            f"file itself. Received: {path!r}"
        )
    return group
