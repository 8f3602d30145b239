"""Export Keras models to LiteRT files, each checked before it is saved."""

import json
from pathlib import Path

import numpy as np

from tfdcu.export.check import compare
from tfdcu.export.check import keras_reference
from tfdcu.export.child import call_in_child
from tfdcu.export.convert import convert
from tfdcu.export.convert import crashed
from tfdcu.export.images import take_images
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.export.quiet import quiet
from tfdcu.export.saved_model import as_float32
from tfdcu.export.saved_model import check_model
from tfdcu.export.saved_model import save_single_image
from tfdcu.export.sidecar import describe_artifact
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.full_disk import temporary_folder

FORMATS = ("float32", "float16", "dynamic", "int8")


def export_litert(
    model,
    path,
    quantization=None,
    calibration=None,
    *,
    sparse=False,
    images=None,
    classes=None,
    value_range=(0.0, 1.0),
    min_agreement=None,
    num_images=256,
    seed=0,
):
    """Exports a Keras classifier to a LiteRT file and checks the file.

    Use it as the last step of a compression, or on any trained model. The file
    is converted, run in the ai-edge-litert interpreter and compared with the
    Keras model (`check_litert`); only then is it written to `path`, with
    `<stem>.json` (class names, value range, quantization, an example program)
    beside it. If anything fails, existing files are unchanged. The model is
    not changed. Models in mixed precision are converted in float32; dropout
    and augmentation layers are off.

    The formats are LiteRT's post-training quantization
    (https://ai.google.dev/edge/litert/models/post_training_quantization);
    weights are quantized per channel. The int8 scale of the input always
    covers all of `value_range`: if the calibration images do not, one
    calibration image with both extremes is added, so that no pixel saturates.

    Args:
        model: A functional or Sequential `keras.Model`, input `(None, height,
            width, channels)` of fixed size, output `(None, classes)`.
        path: File to write, ending in `.tflite`. Folders are created.
        quantization: `None` (float32 weights), `"float16"` (half the size,
            computed in float32 on CPUs), `"dynamic"` (int8 weights, float
            input and output, no images needed) or `"int8"` (everything int8,
            including input and output; for microcontrollers and accelerators;
            an operator without an int8 kernel stays float, with a warning).
        calibration: Unlabeled images for `"int8"`: an array `(n, height,
            width, channels)` or a `tf.data.Dataset` of images or batches, in
            `value_range`. At most `num_images` are used; use at least 100.
        sparse: Stores weights that are mostly zeros in LiteRT's sparse
            encoding: a smaller file before gzip, about the same after it, not
            faster. Not for `"dynamic"`. Defaults to `False`.
        images: Real images for the check, like `calibration`. Defaults to the
            calibration images; without these, random noise with a warning.
        classes: Class names in output order, for the JSON file.
        value_range: `(low, high)` of the pixels. Defaults to `(0.0, 1.0)`.
        min_agreement: See `check_litert`.
        num_images: Largest number of images for calibration and for the check.
            Defaults to `256`.
        seed: Seed of the noise. Defaults to `0`.

    Returns:
        The `Path` of the file.

    Raises:
        ValueError: If an argument is invalid, LiteRT cannot convert the model,
            the folder cannot be written or the file fails its check.
        OSError: If the disk fills up.

    Example:

    ```python
    export_litert(student, "student.tflite", "int8", calibration=x_pool)
    logits = LiteRTModel("student.tflite")(x_test)
    ```
    """
    name = "float32" if quantization is None else quantization
    return _export(
        model,
        {name: Path(path)},
        calibration,
        sparse=sparse,
        images=images,
        classes=classes,
        value_range=value_range,
        min_agreement=min_agreement,
        num_images=num_images,
        seed=seed,
    )[name]


def export_all(
    model,
    folder,
    calibration=None,
    images=None,
    classes=None,
    value_range=(0.0, 1.0),
    name="student",
    seed=0,
    failed=None,
    *,
    formats=FORMATS,
    sparse=False,
    min_agreement=None,
    num_images=256,
):
    """Exports a Keras classifier to several LiteRT formats.

    As `export_litert` for each format, but the model is traced once. Arguments
    are checked for all formats before the first is converted.

    Args:
        model: See `export_litert`.
        folder: Folder for `<name>_<format>.tflite` and `.json`.
        formats: Any of `"float32"`, `"float16"`, `"dynamic"`, `"int8"`.
            Defaults to all.
        calibration: See `export_litert`; required for `"int8"`.
        name: First part of the file names. Defaults to `"student"`.
        sparse: See `export_litert`; not with `"dynamic"`.
        images: See `export_litert`.
        classes: See `export_litert`.
        value_range: See `export_litert`.
        min_agreement: A number, or a dict by format, as in `check_litert`.
        num_images: See `export_litert`.
        seed: See `export_litert`.
        failed: Optional dict, which gets the reason of each format that cannot
            be converted or fails its check; the others are written. Defaults
            to `None`: such a format is an error, and the files of the formats
            before it stay.

    Returns:
        A dict from format to `Path`, in the order of `formats`.

    Raises:
        ValueError: See `export_litert`.
        OSError: If the disk fills up.

    Example:

    ```python
    paths = export_all(student, "out", x_pool, formats=("float32", "int8"))
    latency(paths)
    ```
    """
    paths = {kind: Path(folder) / f"{name}_{kind}.tflite" for kind in formats}
    return _export(
        model,
        paths,
        calibration,
        sparse=sparse,
        images=images,
        classes=classes,
        value_range=value_range,
        min_agreement=min_agreement,
        num_images=num_images,
        seed=seed,
        failed=failed,
    )


def _export(
    model,
    paths,
    calibration,
    *,
    sparse,
    images,
    classes,
    value_range,
    num_images,
    min_agreement,
    seed,
    failed=None,
):
    check_arguments(num_images=num_images, seed=seed, sparse=sparse)
    _check_arguments(paths, calibration, sparse)
    shape, num_outputs = check_model(model)
    _check_labels(classes, value_range, num_outputs)
    if calibration is not None:
        calibration = take_images(calibration, num_images, shape, value_range)
    float32 = as_float32(model)
    reference = keras_reference(
        float32,
        calibration if images is None else images,
        value_range=value_range,
        num_images=num_images,
        seed=seed,
    )
    with temporary_folder() as saved_model:
        with quiet():
            save_single_image(float32, saved_model)
        for name, path in paths.items():
            about = path.with_suffix(".json")
            try:
                with atomic_write(about, path) as (json_file, file):
                    content = _converted(
                        float32,
                        saved_model,
                        name,
                        sparse,
                        calibration,
                        value_range,
                    )
                    file.write_bytes(content)
                    measured = _checked(file, path, reference, min_agreement)
                    facts = describe_artifact(
                        path,
                        content,
                        LiteRTModel(file),
                        classes,
                        value_range,
                        measured,
                    )
                    text = json.dumps(facts, indent=2) + "\n"
                    json_file.write_text(text, "utf-8")
            except (ValueError, RuntimeError) as error:
                if failed is None:
                    raise
                failed[name] = str(error)
                # Not left from an earlier call.
                about.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
    return {n: path for n, path in paths.items() if n not in (failed or ())}


def check_formats(formats, sparse=False):
    """Checks formats as `export_all` does.

    Args:
        formats: Names of formats.
        sparse: See `export_litert`.

    Raises:
        ValueError: If a format is unknown, there is none, or one cannot be
            combined with `sparse`.
    """
    if isinstance(formats, str) or not hasattr(formats, "__iter__"):
        raise ValueError(
            "Invalid value for `formats`. Expected: a list of names, such as "
            f"('float32', 'int8'). Received: formats={formats!r}"
        )
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(
            "Unknown quantization. Expected: None or one of "
            f"{', '.join(FORMATS)}. Received: {unknown or 'no format'}"
        )
    if sparse and "dynamic" in formats:
        raise ValueError(
            "Dynamic-range quantization and the sparse encoding do not work "
            "together: the converter writes a file that the interpreter "
            "cannot load ('failed to delegate CONV_2D'). Expected: sparse=True "
            "with float32, float16 or int8, or sparse=False. Received: "
            "sparse=True with dynamic"
        )


def _check_arguments(paths, calibration, sparse):
    check_formats(tuple(paths), sparse)
    if "int8" in paths and calibration is None:
        raise ValueError(
            "int8 needs images to calibrate the ranges of its activations. "
            "Expected: `calibration`, unlabeled images as an array or a "
            "tf.data.Dataset. Received: None"
        )
    for path in paths.values():
        if path.suffix != ".tflite":
            raise ValueError(
                "Invalid name of a LiteRT file. Expected: a path that "
                f"ends in .tflite. Received: '{path}'"
            )


def _check_labels(classes, value_range, num_outputs):
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            "Invalid value for `value_range`. Expected: (low, high) with low < "
            f"high. Received: {value_range}"
        )
    if classes is not None and len(classes) != num_outputs:
        raise ValueError(
            "Invalid value for `classes`. Expected: "
            f"{num_outputs} names, one per output. Received: {len(classes)}"
        )


def _converted(model, saved_model, name, *arguments):
    """What `convert` gives; the calibrator of int8 may crash natively."""
    if name != "int8":
        return convert(saved_model, name, *arguments)
    try:
        return call_in_child(convert, saved_model, name, *arguments)
    except ChildProcessError as error:
        raise ValueError(crashed(model, name, error)) from error


def _checked(file, path, reference, min_agreement):
    try:
        return compare(file, reference, min_agreement)
    except ValueError as error:
        # Show the path of the caller instead of the temporary file.
        message = str(error).replace(str(file), str(path))
        raise ValueError(message) from error.__cause__
