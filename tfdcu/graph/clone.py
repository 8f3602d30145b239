"""Layers made anew: like others, with weights of their own."""

import inspect

import keras
from keras import layers

from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure


def clone_layer(op, config, inside):
    """An operation like another, of a config, its live functions kept.

    Args:
        op: The live layer, model or operation.
        config: What its `get_config` gives, or the same of another size.
        inside: Function that makes a layer anew, for those inside of `op`.

    Returns:
        A layer or operation with weights of its own.
    """
    kind = type(op)
    if is_model(op):
        return _model_anew(op, inside)
    if kind is layers.Lambda:
        # A config holds byte code.
        live = {"function": op.function, "mask": op.mask}
        live["output_shape"] = op._output_shape
        return kind(**{**config, **live})
    if kind is layers.TimeDistributed:
        return kind(**{**config, "layer": inside(op.layer)})
    # Of a function that Keras does not know a config holds but the name.
    live = {
        key: getattr(op, key)
        for key, value in config.items()
        if isinstance(value, dict)
        and inspect.isfunction(getattr(op, key, None))
    }
    return kind.from_config({**config, **live})


def _model_anew(model, inside):
    # What it was compiled with need not be known to Keras.
    plain = keras.Model(
        structure(model, "input"), structure(model, "output"), name=model.name
    )
    copy = keras.models.clone_model(plain, clone_function=inside)
    if not model.trainable:
        # Setting it also sets it on every layer inside.
        copy.trainable = False
    return copy


def copy_state(old, new):
    """Gives a layer made anew what stands in neither config nor weights."""
    for one, other in zip(old._flatten_layers(), new._flatten_layers()):
        if other.trainable != one.trainable:
            # Setting it also sets it on every layer inside, which come next.
            other.trainable = one.trainable
        if isinstance(one, layers.Normalization):
            # It computes with copies of its weights.
            other.finalize_state()
        if isinstance(one, (layers.IntegerLookup, layers.StringLookup)):
            _carry_vocabulary(one, other)


def _carry_vocabulary(old, new):
    if not old.get_vocabulary(include_special_tokens=False):
        return
    words = old.get_vocabulary()
    tf_idf = old.output_mode == "tf_idf"
    weights = old.idf_weights.numpy()[: len(words)] if tf_idf else None
    new.set_vocabulary(words, weights)
