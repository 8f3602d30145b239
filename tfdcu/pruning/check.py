"""Checks a smaller model with custom layers before it is handed over."""

import keras
import numpy as np
from keras import tree

from tfdcu.graph.keras_private import all_layers
from tfdcu.pruning.masked import difference

# Largest difference that is rounding, over the largest output.
TOLERANCE = 1e-3
_ADVICE = {
    "opened": "`register_rule` for its class, which is then not opened",
    "smaller": "`exclude` it, or by a pattern such as 'name_*' what it was "
    "opened to; or `register_rule` for its class",
}


def check_smaller(smaller, plan):
    """Compares a smaller model with its original, and reads it from its config.

    Models of Keras' own layers only are not checked here: tests hold that
    all of them are exact, and checking would take as long as pruning.

    Args:
        smaller: The result of `plan.apply()`.
        plan: The `ChannelPlan`.

    Raises:
        ValueError: If it computes something else than the original with the
            same channels masked, or cannot be loaded from a file.
    """
    if not plan.has_custom_layers:
        return
    check_opened(plan.model, plan.original)
    inputs = _random_inputs(plan.model)
    if inputs is not None:
        _compare(smaller, plan.masked(), inputs, "smaller")
    _check_config(smaller)


def check_opened(model, original):
    """Compares an opened model with its original.

    Args:
        model: The model of a `Groups`.
        original: The model that it was made of.

    Raises:
        ValueError: If they compute something else.
    """
    inputs = _random_inputs(model)
    if inputs is not None:
        _compare(model, original, inputs, "opened")


def _compare(model, reference, inputs, kind):
    found = difference(model, reference, inputs)
    if not found <= TOLERANCE:
        raise ValueError(
            f"The {kind} model of {model.name!r} does not compute what it "
            "should: a custom layer does something at inference that could "
            "not be followed. Expected: a difference of at most "
            f"{TOLERANCE} of the largest output; if you know which layer it "
            f"is, {_ADVICE[kind]}. Received: {found:.3g}."
        )


def _check_config(model):
    own = {
        type(layer).__name__: type(layer)
        for layer in all_layers(model)
        if not type(layer).__module__.startswith("keras.")
    }
    try:
        config = keras.saving.serialize_keras_object(model)
        # Functions of the model's owner are run: they are in its memory.
        loaded = keras.saving.deserialize_keras_object(
            config, custom_objects=own, safe_mode=False
        )
        shapes = [[tuple(w.shape) for w in m.weights] for m in (model, loaded)]
        same = shapes[0] == shapes[1]
        received = f"weights of other shapes in model {model.name!r}"
    except Exception as error:
        lines = str(error).strip().splitlines()
        same, received = False, f"{type(error).__name__}: {lines[-1:]}"
    if not same:
        raise ValueError(
            "The smaller model could not be loaded from a file. Expected: "
            "custom layers whose `get_config` holds all arguments of "
            f"`__init__`. Received: {received}"
        )


def _random_inputs(model):
    """Two random inputs, or `None` where inputs are strings."""
    generator = np.random.default_rng(0)

    def make(tensor):
        shape = [tensor.shape[0] or 2] + [s or 16 for s in tensor.shape[1:]]
        if tensor.dtype.startswith(("int", "uint", "bool")):
            return generator.integers(0, 2, shape).astype(tensor.dtype)
        return generator.random(shape, dtype="float32").astype(tensor.dtype)

    if any(tensor.dtype == "string" for tensor in model.inputs):
        return None
    return tree.map_structure(make, model.input)
