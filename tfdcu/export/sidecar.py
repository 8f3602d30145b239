"""The JSON file beside a LiteRT file: classes, value range and usage."""

import hashlib
from importlib import metadata

from tfdcu.export.usage import python_program

_PACKAGES = ("ai-edge-litert", "keras", "tensorflow", "tfdcu")


def describe_artifact(
    path, content, artifact, classes, value_range, check, kind="classes"
):
    """Everything a program needs to run a LiteRT file, as a JSON-ready dict.

    Args:
        path: Final path of the `.tflite` file.
        content: The bytes of the file.
        artifact: A `LiteRTModel` of the file.
        classes: Class names in output order, or `None`.
        value_range: `(low, high)` of the pixels, or `None` of other inputs.
        check: The dict from `check_litert`.
        kind: "classes", or "labels" if each has a sigmoid of its own.

    Returns:
        A dict: `file`, `format`, `sha256`, `bytes`, `classes`, `input_shape`
        (batch 1 first), `value_range`, `preprocessing`, `quantization`
        (real = scale * (stored - zero_point)), `output`, `kind`, `check`,
        `usage` (a Python program), `versions`.
    """
    return {
        "file": path.name,
        "format": artifact.format,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "classes": None if classes is None else [str(n) for n in classes],
        "input_shape": [1, *artifact.input_shape],
        "value_range": value_range and list(value_range),
        "preprocessing": _preprocessing(artifact.input_shape, value_range),
        "quantization": artifact.quantization,
        "output": f"one of the {artifact.output} per class, in the order of "
        "`classes`",
        "kind": kind,
        "check": check,
        "usage": python_program(
            path, path.with_suffix(".json").name, artifact, value_range, kind
        ),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _preprocessing(shape, value_range):
    """What an app does to an input before the file gets it, in steps."""
    if value_range is None:
        return ["the values that the network was trained on, as they are"]
    low, high = value_range
    height, width, channels = shape
    return [
        "rotate the image as its EXIF orientation says",
        f"resize it (bilinear, antialiased) with its aspect ratio "
        f"preserved to cover {height} x {width} pixels (height x width), "
        "and crop the center",
        f"{channels} channel(s) in the order of the training images, last",
        f"scale pixels to [{low}, {high}]; any other normalization is "
        "inside the file",
    ]


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
