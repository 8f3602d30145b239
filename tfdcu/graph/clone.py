"""Clones layers and copies their state."""

import inspect

import keras
from keras import layers

from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.keras_private import lambda_output_shape
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure


def clone_layer(op, config, clone_inner):
    """Clones a layer or operation from a config, with its own weights.

    Functions that Keras cannot serialize are passed on as they are.

    Args:
        op: The layer, model or operation to clone.
        config: Result of its `get_config`, or that with other sizes.
        clone_inner: Function that clones the layers inside `op`.

    Returns:
        A new layer or operation.
    """
    kind = type(op)
    if is_model(op):
        return _clone_model(op, clone_inner)
    if kind is layers.Lambda:
        # The config would hold byte code.
        live = {"function": op.function, "mask": op.mask}
        live["output_shape"] = lambda_output_shape(op)
        return kind(**{**config, **live})
    if kind in (layers.TimeDistributed, layers.SpectralNormalization):
        return kind(**{**config, "layer": clone_inner(op.layer)})
    # The config holds only the name of a function that Keras does not know.
    live = {
        key: getattr(op, key)
        for key, value in config.items()
        if isinstance(value, dict)
        and inspect.isfunction(getattr(op, key, None))
    }
    return kind.from_config({**config, **live})


def check_clone(op):
    """Raises if a custom layer cannot be made again from its config.

    A model that holds it could be neither pruned nor loaded from a file.

    Args:
        op: A layer, model or operation; those of Keras are not checked.

    Raises:
        ValueError: With the name of the layer and its class.
    """
    if type(op).__module__.partition(".")[0] == "keras" or is_model(op):
        return
    try:
        clone_layer(op, op.get_config(), lambda inner: inner)
    except Exception as error:
        why = str(error).rpartition("Exception encountered: ")[2].strip()
        why = why.splitlines()[0] if why else ""
        raise ValueError(
            f"The {type(op).__name__} layer {op.name!r} cannot be made again "
            "from its config, so a model with it cannot be copied or loaded. "
            "Expected: an `__init__` that passes **kwargs to super().__init__, "
            "and a `get_config` that holds its other arguments. "
            f"Received: {type(error).__name__}: {why}"
        ) from error


def _clone_model(model, clone_inner):
    # Without the training config, which Keras may not be able to load.
    plain = keras.Model(
        structure(model, "input"), structure(model, "output"), name=model.name
    )
    copy = keras.models.clone_model(plain, clone_function=clone_inner)
    if not model.trainable:
        # Setting it sets it on all inner layers, too.
        copy.trainable = False
    return copy


def copy_state(old, new):
    """Copies state that is neither in the config nor in the weights."""
    for source, target in zip(all_layers(old), all_layers(new)):
        if target.trainable != source.trainable:
            # Setting it sets it on all inner layers, too; they come next.
            target.trainable = source.trainable
        if isinstance(source, layers.Normalization):
            # It computes with tensors made from its weights.
            target.finalize_state()
        if isinstance(source, (layers.IntegerLookup, layers.StringLookup)):
            _copy_vocabulary(source, target)


def _copy_vocabulary(old, new):
    if not old.get_vocabulary(include_special_tokens=False):
        return
    words = old.get_vocabulary()
    tf_idf = old.output_mode == "tf_idf"
    weights = old.idf_weights.numpy()[: len(words)] if tf_idf else None
    new.set_vocabulary(words, weights)
