"""Opens custom layers and subclassed models: an equal model of plain layers.

The `call` of a custom layer is run on symbolic tensors, through the layers
inside it and `keras.ops`. What it records takes the layer's place.
"""

from dataclasses import dataclass
from dataclasses import field

import keras
from keras import tree

from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.keras_private import producer_of
from tfdcu.graph.number_of_images import CannotOpen
from tfdcu.graph.opener import Opener
from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure


@dataclass
class Opened:
    """A model whose custom layers are opened.

    Attributes:
        model: A functional `keras.Model` that shares all weights with the
            original; the original itself if there is nothing to open.
        closed: Dict from the name of a layer that stays closed to the reason.
    """

    model: object
    closed: dict = field(default_factory=dict)


def is_plain(layer):
    """Whether a layer is one of Keras' own that shows what it computes."""
    kind = type(layer)
    if kind is keras.layers.Lambda:
        return False
    return kind.__module__.startswith("keras.") or kind in (
        Parameter,
        OnePerImage,
    )


def open_model(model, keep=is_plain, flat=False):
    """Opens the custom layers and subclassed models in a model.

    Use it to see inside before pruning or counting. Python control flow runs
    as at inference. The argument is not changed; training the result trains
    it, too.

    Args:
        model: A built `keras.Model` of any kind.
        keep: Function of a layer: whether it stays as it is. Defaults to
            Keras' own layers.
        flat: Whether nested models are taken apart although nothing in them
            is custom. Default `False`.

    Returns:
        An `Opened`. Layers inside a layer or model "block" are named
        "block_conv" and so on.

    Raises:
        ValueError: If a subclassed model is not built, or its own `call`
            cannot be traced.

    Example:

    >>> opened = open_model(MyModel())
    >>> print(opened.model.summary(), opened.closed)
    """
    layers = all_layers(model)
    nested = any(is_model(layer) for layer in layers[1:])
    custom = any(not keep(x) and not is_model(x) for x in layers)
    if is_model(model) and not custom and not (flat and nested):
        return Opened(model)
    opener = Opener(keep)
    taken = _taken(model)
    named = zip(tree.flatten(taken), _names_of(model, taken))
    names = {id(tensor): name for tensor, name in named}
    inputs = tree.map_structure(
        lambda x: keras.Input(
            batch_shape=x.shape, dtype=x.dtype, name=names[id(x)]
        ),
        taken,
    )
    if is_model(model):
        known = zip(tree.flatten(taken), tree.flatten(inputs))
        given = structure(model, "output")
        known = {id(old): new for old, new in known}
        values = opener.replay(tree.flatten(given), known, "")
        outputs = tree.pack_sequence_as(given, values)
    else:
        try:
            outputs = opener.open(model, (inputs,), {}, "")
        except CannotOpen as error:
            raise ValueError(
                "The model cannot be taken apart into layers. Expected: a "
                "functional or sequential `keras.Model`, or a subclassed one "
                "whose `call` uses layers and `keras.ops` only. "
                f"Received: {model.name!r} of type {type(model).__name__}: "
                f"{error}"
            ) from error
    if is_model(model) and not opener.opened and not flat:
        return Opened(model, opener.closed)
    opened = keras.Model(inputs, outputs, name=model.name)
    if not model.trainable:
        opened.trainable = False
    if getattr(model, "compiled", False):
        _compile_like(opened, model)
    return Opened(opened, opener.closed)


def _taken(model):
    """What a model takes: a structure of `KerasTensor`s."""
    if getattr(model, "inputs", None):
        return structure(model, "input")
    config = model.get_build_config() or {}
    shapes = config.get("input_shape")
    if shapes is None and len(config.get("shapes_dict", ())) == 1:
        (shapes,) = config["shapes_dict"].values()
    if shapes is None or not model.built:
        raise ValueError(
            "The model cannot be taken apart into layers. Expected: a "
            "`keras.Model` that was called on data once, so that the shape of "
            "its single argument is known. "
            f"Received: {model.name!r} of type {type(model).__name__}."
        )

    def tensor(shape):
        return keras.KerasTensor((None, *shape[1:]), model.compute_dtype)

    if isinstance(shapes, dict):
        return {
            key.removesuffix("_shape"): tensor(s) for key, s in shapes.items()
        }
    if shapes and isinstance(shapes[0], (list, tuple)):
        return [tensor(shape) for shape in shapes]
    return tensor(shapes)


def _names_of(model, taken):
    """Names of the inputs: the original's, or those of a dict, or "input"."""
    if getattr(model, "inputs", None):
        return [producer_of(tensor).op.name for tensor in tree.flatten(taken)]
    if isinstance(taken, dict):
        return sorted(taken)
    count = len(tree.flatten(taken))
    return ["input"] if count == 1 else [f"input_{i}" for i in range(count)]


def _compile_like(opened, model):
    """Compiles with the original's training config, if it can be read."""
    try:
        opened.compile_from_config(model.get_compile_config())
    except Exception:
        # The rebuilt model is compiled in the same way, with a warning.
        return
