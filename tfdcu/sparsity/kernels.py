"""Selects the kernels to make sparse, and counts their zeros."""

import fnmatch

import keras
import numpy as np
from keras import layers

# TFMOT's registry, without embeddings. It leaves out depthwise kernels, too:
# they have few weights, all of them needed.
KERNELS = {
    layers.Dense: "kernel",
    layers.EinsumDense: "kernel",
    layers.Conv1D: "kernel",
    layers.Conv2D: "kernel",
    layers.Conv3D: "kernel",
    layers.Conv1DTranspose: "kernel",
    layers.Conv2DTranspose: "kernel",
    layers.Conv3DTranspose: "kernel",
    layers.SeparableConv1D: "pointwise_kernel",
    layers.SeparableConv2D: "pointwise_kernel",
}


def choose_kernels(model, chosen=None, exclude=(), frozen=False):
    """Selects the kernels of a model to make sparse.

    Args:
        model: a built `keras.Model`; nested models and layers inside layers
            are searched too.
        chosen: layer names, patterns such as `"stage3_*"` or layer classes,
            one or a list. Defaults to `None`: every trainable convolution
            (except depthwise) and dense layer.
        exclude: layers to leave out, likewise.
        frozen: whether layers that are not trainable are selected too.

    Returns:
        List of `(layer, kernel)`, each kernel once.

    Raises:
        ValueError: a layer is not built, no layer is selected, or a name in
            `exclude` is that of no layer.
    """
    chosen = None if chosen is None else _as_list(chosen)
    exclude = _as_list(exclude)
    every = _layers_in(model)
    _check_names(exclude, every, model)
    selected, seen = [], set()
    for layer in every:
        attribute = _attribute(layer)
        if attribute is None or not (layer.trainable or frozen):
            continue
        if not layer.built:
            raise ValueError(
                f"Layer {layer.name!r} has no weights yet. Expected: a model "
                "that has been built or called on a batch. Received: model "
                f"{model.name!r}, not built."
            )
        kernel = getattr(layer, attribute)
        if not isinstance(kernel, keras.Variable) or id(kernel) in seen:
            continue
        if chosen is not None and not _any_match(layer, chosen):
            continue
        if not _any_match(layer, exclude):
            seen.add(id(kernel))
            selected.append((layer, kernel))
    if not selected:
        raise ValueError(_no_match_message(model, chosen, exclude))
    return selected


def sparsity_of(model, layers=None, exclude=()):
    """Share of exact zeros in a model's kernels.

    Args:
        model: a built `keras.Model`.
        layers: as in `Sparsify`. Defaults to every trainable convolution
            (except depthwise) and dense layer.
        exclude: as in `Sparsify`.

    Returns:
        Dict from layer name to the share of zeros in its kernel, 0 to 1; the
        share over all kernels is under `"total"`.

    Example:

    ```python
    tfdcu.sparsity.sparsity_of(student)["total"]  # 0.8
    ```
    """
    chosen = choose_kernels(model, layers, exclude)
    shares = {layer.name: share_of_zeros([kernel]) for layer, kernel in chosen}
    shares["total"] = share_of_zeros([kernel for _, kernel in chosen])
    return shares


def share_of_zeros(kernels):
    """Share of exact zeros in several kernels together, 0 to 1."""
    size = sum(int(np.prod(kernel.shape)) for kernel in kernels)
    nonzeros = sum(
        int(keras.ops.count_nonzero(kernel.value)) for kernel in kernels
    )
    return 1 - nonzeros / size


def _layers_in(value, seen=None):
    """The layers inside a layer or model, at any depth, each once."""
    # Keras keeps the layers of a layer among its attributes, alone or in
    # lists and dicts.
    if isinstance(value, layers.Layer):
        value = list(vars(value).values())
    elif isinstance(value, dict):
        value = list(value.values())
    elif not isinstance(value, (list, tuple)):
        return []
    seen, found = set() if seen is None else seen, []
    for item in value:
        if isinstance(item, layers.Layer):
            if id(item) in seen:
                continue
            seen.add(id(item))
            found.append(item)
        found += _layers_in(item, seen)
    return found


def _attribute(layer):
    for kind, attribute in KERNELS.items():
        if isinstance(layer, kind):
            return attribute
    return None


def _as_list(selection):
    if isinstance(selection, (str, type)):
        selection = [selection]
    for item in selection:
        if not isinstance(item, (str, type)):
            raise ValueError(
                "Invalid value for `layers` or `exclude`. Expected: names, "
                "patterns such as 'stage3_*' or layer classes such as "
                f"keras.layers.Dense. Received: {item!r}."
            )
    return list(selection)


def _check_names(exclude, every, model):
    for item in exclude:
        if isinstance(item, str) and not any(
            _any_match(layer, [item]) for layer in every
        ):
            raise ValueError(
                "A name in `exclude` matches no layer. Expected: names or "
                f"patterns of layers of model {model.name!r}, such as "
                f"{', '.join(repr(layer.name) for layer in every[:5])}. "
                f"Received: {item!r}."
            )


def _any_match(layer, selection):
    return any(
        fnmatch.fnmatchcase(layer.name, item)
        or fnmatch.fnmatchcase(layer.path or "", item)
        if isinstance(item, str)
        else isinstance(layer, item)
        for item in selection
    )


def _no_match_message(model, chosen, exclude):
    names = [
        layer.name
        for layer in _layers_in(model)
        if _attribute(layer) is not None and layer.trainable
    ]
    return (
        "No layer is left to make sparse. Expected: names, patterns or "
        "classes that match trainable convolutions (except depthwise) "
        f"or dense layers of model {model.name!r}, which has: "
        f"{', '.join(names) or 'none'}. "
        f"Received: layers={chosen!r}, exclude={exclude!r}."
    )
