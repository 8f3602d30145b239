"""The JSON file beside a LiteRT file: classes, value range and usage."""

import hashlib
from importlib import metadata

from tfdcu.export.usage import python_program
from tfdcu.export.usage import several_outputs_program

_PACKAGES = ("ai-edge-litert", "keras", "tensorflow", "tfdcu")


def describe_artifact(
    path, content, artifact, classes, value_range, check, kinds, outputs
):
    """Everything a program needs to run a LiteRT file, as a JSON-ready dict.

    Args:
        path: Final path of the `.tflite` file.
        content: The bytes of the file.
        artifact: A `LiteRTModel` of the file.
        classes: Class names in output order, or `None`; of several outputs a
            dict by name.
        value_range: `(low, high)` of the pixels, or `None` of other inputs.
        check: The dict from `check_litert`.
        kinds: Dict by name of the output: "classes", "labels" if each has a
            sigmoid of its own, or "values" of a regression.
        outputs: Dict by name of the output: "logits" or "probabilities".

    Returns:
        A dict: `file`, `format`, `sha256`, `bytes`, `classes`, `input_shape`
        (batch 1 first), `value_range`, `preprocessing`, `quantization`
        (real = scale * (stored - zero_point)), `output`, `kind`, `check`,
        `usage` (a Python program), `versions`. Of several outputs `classes`,
        `output` and `kind` are dicts by name.
    """
    several = len(artifact.names) > 1
    kind = kinds if several else next(iter(kinds.values()))
    about = path, path.with_suffix(".json").name, artifact, value_range, kind
    return {
        "file": path.name,
        "format": artifact.format,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "classes": _texts(classes),
        "input_shape": [1, *artifact.input_shape],
        "value_range": value_range and list(value_range),
        "preprocessing": _preprocessing(artifact.input_shape, value_range),
        "quantization": artifact.quantization,
        "output": outputs if several else _output(artifact.output, kind),
        "kind": kind,
        "check": check,
        "usage": several_outputs_program(*about, outputs)
        if several
        else python_program(*about),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _output(output, kind):
    """What the only output gives."""
    if kind == "values":
        return "the numbers of a regression"
    return f"one of the {output} per class, in the order of `classes`"


def _texts(classes):
    """Names as strings: a list, a dict of lists, or `None`."""
    if classes is None:
        return None
    if isinstance(classes, dict):
        return {output: _texts(names) for output, names in classes.items()}
    return [str(name) for name in classes]


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
