"""The formats of LiteRT files, and what cannot be asked of them."""

import numpy as np

from tfdcu.export.clients import CLIENTS
from tfdcu.export.clients import Recipe
from tfdcu.export.clients import check_clients
from tfdcu.export.convert import INTEGER
from tfdcu.export.saved_model import gives_probabilities
from tfdcu.workdir.arguments import RANGE
from tfdcu.workdir.arguments import TEXTS
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import naming

FORMATS = ("float32", "float16", "dynamic", "int8")
# Those that are made only if they are asked for, too.
ALL_FORMATS = (*FORMATS, "weight8")
# That of models that were trained for it.
KNOWN = (*ALL_FORMATS, "int8_weight4")
IO = ("float32", "uint8", "int8")
OUTPUTS = ("logits", "probabilities")


def recipe_of(kind, io="float32", output="logits"):
    """The `Recipe` of a format with the options of `export_litert`."""
    return Recipe(kind, io if kind in INTEGER else "float32", output)


def check_formats(
    formats, sparse=False, io="float32", output="logits", targets=()
):
    """Checks formats and targets as `export_all` does.

    Args:
        formats: Names of formats.
        sparse, io, output: See `export_litert`.
        targets: See `export_all`.

    Raises:
        ValueError: If a format or target is unknown, there is none, or one
            cannot be combined with the other options.
    """
    if isinstance(formats, TEXTS) or not hasattr(formats, "__iter__"):
        raise ValueError(
            "Invalid value for `formats`. Expected: a list of names, such as "
            f"('float32', 'int8'). Received: formats={formats!r}"
        )
    unknown = [name for name in formats if name not in list(KNOWN)]
    if unknown or not (formats or targets):
        none = "no format: formats=()"
        raise unknown_format(f"formats={unknown}" if unknown else none)
    for name in ("weight8", "int8_weight4"):
        if sparse and name in formats:
            raise ValueError(
                "Weights that are stored as integers are not stored sparse as "
                "well. Expected: sparse=True with float32, float16 or int8, or "
                f"sparse=False. Received: sparse=True with {name}"
            )
    if sparse and "dynamic" in formats:
        raise ValueError(
            "Dynamic-range quantization and the sparse encoding do not work "
            "together: the converter writes a file that the interpreter "
            "cannot load ('failed to delegate CONV_2D'). Expected: sparse=True "
            "with float32, float16 or int8, or sparse=False. Received: "
            "sparse=True with dynamic"
        )
    for name, value, known in (("io", io, IO), ("output", output, OUTPUTS)):
        if value not in known:
            raise ValueError(
                f"Invalid value for `{name}`. Expected: one of "
                f"{', '.join(known)}. Received: {value!r}"
            )
    if io != "float32" and not set(INTEGER) & set(formats):
        raise ValueError(
            "Only a file of int8 can take and give integers. Expected: "
            f"io='float32', or the format int8. Received: io={io!r} with "
            f"{', '.join(formats) or 'no format'}"
        )
    check_clients(targets)


def unknown_format(received):
    return ValueError(
        "Unknown quantization. Expected: None or one of "
        f"{', '.join(KNOWN)}. Received: {received}"
    )


def check_wanted(wanted, calibration, trained):
    kinds = {recipe.format for recipe, _ in wanted.values()}
    if "int8" in kinds and calibration is None and not trained:
        raise ValueError(
            "int8 needs images to calibrate the ranges of its activations. "
            "Expected: `calibration`, unlabeled images as an array or a "
            "tf.data.Dataset. Received: None"
        )
    for _, path in wanted.values():
        if path.suffix != ".tflite":
            raise ValueError(
                "Invalid name of a LiteRT file. Expected: a path that "
                f"ends in .tflite. Received: '{path}'"
            )


def check_outputs(model, wanted):
    """Raises if probabilities are wanted of maps or of several outputs."""
    plain = len(model.outputs) == 1 and len(model.outputs[0].shape) == 2
    ends = {recipe.output for recipe, _ in wanted.values()}
    own = gives_probabilities(model)
    if not plain and (
        set(wanted) & set(CLIENTS) or ("probabilities" in ends and not own)
    ):
        raise ValueError(
            "Files of maps and of several outputs hold the model's own "
            "outputs. Expected: output='logits' and no `targets`, or a model "
            f"that ends in a softmax. Received: {sorted(wanted)} with "
            f"{sorted(ends)}"
        )


def check_names(classes, value_range, sizes):
    """Raises unless there is a name for each class.

    Args:
        classes, value_range: As in `export_litert`.
        sizes: Dict from name of the output to number of classes.
    """
    check("value_range", value_range, RANGE)
    if classes is None:
        return
    given = {None: classes}
    if len(sizes) > 1:
        given = classes if isinstance(classes, dict) else {}
        if not given or set(given) - set(sizes):
            raise ValueError(
                "Invalid value for `classes` of several outputs. Expected: a "
                f"dict of names with keys among {[*sizes]}. Received: "
                f"{classes!r}"
            )
    for output, names in given.items():
        number = sizes.get(output) or next(iter(sizes.values()))
        listed = isinstance(names, (tuple, list, np.ndarray))
        if not listed or len(names) != number:
            raise ValueError(
                f"Invalid value for `classes`. Expected: {number} names, one "
                f"per output. Received: {len(names) if listed else repr(names)}"
            )


def check_min_agreement(min_agreement):
    """Raises if a dict of `min_agreement` has a key that is no format."""
    if isinstance(min_agreement, dict):
        with naming("min_agreement"):
            check_formats([*min_agreement])
