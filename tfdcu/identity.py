"""What makes a run another run: its sources, its models, its versions."""

import hashlib
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


def describe(value):
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
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [describe(item) for item in value]
    if isinstance(value, keras.Model):
        return f"live model {value.name!r}"
    if hasattr(value, "element_spec"):
        return f"dataset of {value.element_spec}"
    if hasattr(value, "get_config"):
        return {type(value).__name__: describe(value.get_config())}
    if hasattr(value, "__code__"):
        file = os.path.basename(value.__code__.co_filename)
        return f"{value.__qualname__} in {file}"
    if hasattr(value, "__array__"):
        array = np.ascontiguousarray(value)
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        return f"array {array.shape} {array.dtype} {digest[:16]}"
    # An address is another in each process.
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
