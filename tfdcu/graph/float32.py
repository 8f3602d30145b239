"""Models in float32, whatever dtype policies they were made with."""

import contextlib

import keras

from tfdcu.graph.clone import clone_layer
from tfdcu.graph.keras_private import all_layers
from tfdcu.workdir.full_disk import MemoryFile


def as_float32(model):
    """Converts a model with another dtype policy to float32.

    Args:
        model: A functional or Sequential `keras.Model`.

    Returns:
        The model itself if all its layers compute in float32, else a float32
        copy with the same weights. Mixed-precision policies keep weights in
        float32, so no weight is rounded.

    Example:

    ```python
    keras.config.set_dtype_policy("mixed_bfloat16")
    as_float32(build_model()).layers[-1].compute_dtype  # "float32"
    ```
    """
    if not any(map(_computes_in_other_floats, all_layers(model))):
        return model
    with float32_policy():
        clone = keras.models.clone_model(
            model, clone_function=_float32_layer, recursive=True
        )
    # Not `set_weights`, which does not update the mean and variance that a
    # Normalization layer has computed in `build`.
    weights = MemoryFile(".weights.h5")
    model.save_weights(weights)
    clone.load_weights(weights)
    return clone


@contextlib.contextmanager
def float32_policy():
    """Makes layers that are made inside without a dtype compute in float32."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def float32_config(config):
    """Replaces every dtype policy of floats in a layer's config by float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            floats = "float" in config["config"]["name"]
            return "float32" if floats else config
        return {key: float32_config(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(map(float32_config, config))
    return config


def _computes_in_other_floats(layer):
    """Whether a layer that is no model and no input does."""
    if isinstance(layer, (keras.Model, keras.layers.InputLayer)):
        return False
    return "float" in layer.compute_dtype and layer.compute_dtype != "float32"


def _float32_layer(layer):
    config = float32_config(layer.get_config())
    return clone_layer(layer, config, _float32_layer)
