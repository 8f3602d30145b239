"""What makes a run another run: its sources, its models, its versions."""

import hashlib
import json
import os
import platform
import re
from importlib import metadata

import keras
import numpy as np

PACKAGES = (
    "tfdcu",
    "tensorflow",
    "keras",
    "tensorflow-model-optimization",
    "tensorflow-datasets",
    "keras-tuner",
    "ai-edge-litert",
    "numpy",
)


def versions():
    """Dict from package to its installed version, Python's own included."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def fingerprint_of(value):
    """Anything a run is given, as JSON that is the same for the same content.

    Numbers and strings stand for themselves, arrays for their content. What
    can only be known by reading it through, such as a live dataset, is named
    by its type and shape; functions by their name and the name of their source
    file, objects by their name and config, if they have one. So a function
    that was edited, or given other values by a closure, counts as the same:
    give it another name when it does something else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if hasattr(value, "items"):
        return {str(key): fingerprint_of(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [fingerprint_of(item) for item in value]
    if isinstance(value, keras.Model):
        return f"live model {value.name!r}"
    if hasattr(value, "element_spec"):
        return f"dataset of {value.element_spec}"
    if hasattr(value, "get_config"):
        return {type(value).__name__: fingerprint_of(value.get_config())}
    if hasattr(value, "__code__"):
        file = os.path.basename(value.__code__.co_filename)
        return f"{value.__qualname__} in {file}"
    if hasattr(value, "__array__"):
        array = np.ascontiguousarray(value)
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        return f"array {array.shape} {array.dtype} {digest[:16]}"
    # An address is another in each process.
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


# Numbers and build notes that Keras writes per object and per process.
VOLATILE = {"shared_object_id", "build_config", "compile_config"}


def fingerprint(model):
    """SHA-256 over a model's architecture and weights.

    Use it to tell whether two runs, or two stages of one, speak of the same
    model. It is the same after saving and loading, in another process and
    whether or not the model is compiled, and differs when a layer, its
    name, or a bit of a weight differs. The optimizer does not count.

    Args:
        model: a built `keras.Model` with a config.

    Returns:
        64 hexadecimal digits.

    Example:

    ```python
    assert fingerprint(load("a.keras")) == fingerprint(load("a.keras"))
    ```
    """
    config = keras.saving.serialize_keras_object(model)
    digest = hashlib.sha256()
    digest.update(json.dumps(_steady(config), sort_keys=True).encode())
    for variable in model.weights:
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _steady(value):
    if isinstance(value, dict):
        return {
            str(key): _steady(item)
            for key, item in value.items()
            if key not in VOLATILE
        }
    if isinstance(value, (list, tuple)):
        return [_steady(item) for item in value]
    return value
