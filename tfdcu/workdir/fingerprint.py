"""Fingerprints of arguments and models, and versions of packages."""

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
    """Dict from package to installed version, including Python's."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def fingerprint_of(value):
    """Describes any argument of a run as JSON; equal content is equal JSON.

    Numbers and strings are kept, arrays are hashed. Datasets are described by
    their element spec, functions by their name and the name of their source
    file, objects by their class and config if they have one. So a function
    that was edited or has other values in its closure counts as the same:
    rename it when it changes.
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
    # Addresses differ between processes.
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


# Keys of a Keras config that differ between objects and processes.
VOLATILE = {"shared_object_id", "build_config", "compile_config"}


def fingerprint(model):
    """SHA-256 over a model's architecture and weights.

    Use it to check whether two runs, or two stages of one, use the same model.
    It does not change by saving and loading, in another process or by
    compiling, and changes with any layer, layer name or bit of a weight. The
    optimizer is ignored.

    Args:
        model: A built `keras.Model` with a config.

    Returns:
        64 hexadecimal digits.

    Example:

    ```python
    assert fingerprint(load("a.keras")) == fingerprint(load("a.keras"))
    ```
    """
    config = keras.saving.serialize_keras_object(model)
    digest = hashlib.sha256()
    digest.update(
        json.dumps(_without_volatile(config), sort_keys=True).encode()
    )
    for variable in model.weights:
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _without_volatile(value):
    if isinstance(value, dict):
        return {
            str(key): _without_volatile(item)
            for key, item in value.items()
            if key not in VOLATILE
        }
    if isinstance(value, (list, tuple)):
        return [_without_volatile(item) for item in value]
    return value
