"""Export Keras models to LiteRT files, each checked before it is saved."""

import contextlib
import dataclasses
import functools
import json
from pathlib import Path

from tfdcu.export.check import compare
from tfdcu.export.child import call_in_child
from tfdcu.export.clients import CLIENTS
from tfdcu.export.clients import check_clients
from tfdcu.export.convert import INTEGER
from tfdcu.export.convert import convert
from tfdcu.export.convert import crashed
from tfdcu.export.formats import FORMATS
from tfdcu.export.formats import KNOWN
from tfdcu.export.formats import check_formats
from tfdcu.export.formats import check_min_agreement
from tfdcu.export.formats import check_names
from tfdcu.export.formats import check_outputs
from tfdcu.export.formats import check_wanted
from tfdcu.export.formats import recipe_of
from tfdcu.export.formats import unknown_format
from tfdcu.export.images import as_fit_takes
from tfdcu.export.images import take_images
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.export.metadata import add_metadata
from tfdcu.export.probabilities import append_softmax
from tfdcu.export.quiet import quiet
from tfdcu.export.reference import keras_reference
from tfdcu.export.saved_model import check_model
from tfdcu.export.saved_model import dtype_of
from tfdcu.export.saved_model import gives_probabilities
from tfdcu.export.saved_model import names_in_file
from tfdcu.export.saved_model import save_single_image
from tfdcu.export.sidecar import describe_artifact
from tfdcu.export.trained_ranges import check_trained
from tfdcu.export.trained_ranges import trained_format
from tfdcu.graph.float32 import as_float32
from tfdcu.graph.images import are_images
from tfdcu.graph.logits import is_multi_label
from tfdcu.renamed import explain_renamed
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.temporary import temporary_folder


@explain_renamed("export")
def export_litert(
    model,
    path,
    quantization=None,
    calibration=None,
    *,
    io="float32",
    output="logits",
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
            width, channels)` of fixed size, output `(None, classes)`, or
            `(None, height, width, classes)` for maps. Other inputs than images
            (signals, feature vectors, integer token ids) are taken as they
            are: without `value_range`, and without metadata in the file.
            Several outputs keep their names: the keys of a dict of outputs,
            else those of the layers they come from.
        path: File to write, ending in `.tflite`. Folders are created.
        quantization: `None` (float32 weights), `"float16"` (half the size,
            computed in float32 on CPUs), `"dynamic"` (int8 weights, float
            input and output, no images needed), `"weight8"` (as small as that,
            computed in float32: nearly exact and as fast as float32) or
            `"int8"` (int8 arithmetic; an operator without an int8 kernel stays
            float, with a warning). A model of `tfdcu.quantize_aware` has one
            format, `"int8"` or `"int8_weight4"` (kernels of 4 bits), and needs
            no calibration.
        calibration: Unlabeled images for `"int8"`: an array `(n, height,
            width, channels)`, a `tf.data.Dataset` of images or batches, or
            what else `fit` takes, in `value_range`. At most `num_images` are
            used; use at least 100.
        io: What a file of `"int8"` takes and gives: `"float32"`, which every
            app runs, `"uint8"` (with `value_range` `(0, 1)` or `(0, 255)`, the
            bytes of a photo as they are) or `"int8"`, for microcontrollers and
            accelerators. Other formats take and give floats. Defaults to
            `"float32"`.
        output: `"logits"`, the model's own outputs, or `"probabilities"`, with
            a softmax after them (of one output, and of several labels an
            image: a sigmoid) unless the model ends in one. Defaults to
            `"logits"`.
        sparse: Stores weights that are mostly zeros in LiteRT's sparse
            encoding: a smaller file before gzip, about the same after it, not
            faster. Not for `"dynamic"` and `"weight8"`. Defaults to `False`.
        images: Real images for the check, like `calibration`. Defaults to the
            calibration images; without these, random noise with a warning.
        classes: Class names in output order, for the JSON file; of several
            outputs a dict of them by name.
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
    check_arguments(path=path)
    name = "float32" if quantization is None else quantization
    if name not in list(KNOWN):
        raise unknown_format(f"quantization={quantization!r}")
    check_formats((name,), sparse, io, output)
    return _export(
        model,
        {name: (recipe_of(name, io, output), Path(path))},
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
    targets=(),
    io="float32",
    output="logits",
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
        formats: Any of `"float32"`, `"float16"`, `"dynamic"`, `"int8"` and
            `"weight8"`, or that of a model of `quantize_aware`. Defaults to
            the first four.
        targets: Where the model is to run, any of `"mediapipe"`, `"web"`,
            `"android"`, `"microcontroller"` and `"ethos-u"`: a file for each,
            `<name>_<target>.tflite`, in the format and with the inputs,
            outputs and metadata that it wants. Defaults to none.
        calibration: See `export_litert`; required for `"int8"`.
        name: First part of the file names. Defaults to `"student"`.
        io: See `export_litert`; of `"int8"` alone.
        output: See `export_litert`.
        sparse: See `export_litert`.
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
        A dict from format or target to `Path`, formats first.

    Raises:
        ValueError: See `export_litert`.
        OSError: If the disk fills up.

    Example:

    ```python
    paths = export_all(student, "out", x_pool, formats=("float32", "int8"))
    latency(paths)
    ```
    """
    check_formats(formats, sparse, io, output, targets)
    recipes = {kind: recipe_of(kind, io, output) for kind in formats}
    recipes |= {target: CLIENTS[target].recipe for target in targets}
    bits = 4 if trained_format(model) == "int8_weight4" else 8
    check_clients(targets, check_model(model), bits)
    wanted = {
        kind: (recipe, Path(folder) / f"{name}_{kind}.tflite")
        for kind, recipe in recipes.items()
    }
    return _export(
        model,
        wanted,
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
    wanted,
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
    check_arguments(
        ("min_agreement",),
        model=model,
        num_images=num_images,
        seed=seed,
        sparse=sparse,
        min_agreement=min_agreement,
    )
    check_min_agreement(min_agreement)
    trained = trained_format(model)
    wanted = _in_trained_format(wanted, trained)
    shape = check_model(model)
    _check_export(model, wanted, calibration, trained, classes, value_range)
    if not are_images(shape):
        value_range = None
    with naming("calibration"):
        calibration = as_fit_takes(model, calibration, num_images)
        if calibration is not None:
            calibration = take_images(
                calibration,
                num_images,
                shape,
                value_range,
                dtype_of(model.inputs[0]),
            )
    with naming("images"):
        images = as_fit_takes(model, images, num_images)
        reference = keras_reference(
            model,
            calibration if images is None else images,
            value_range=value_range,
            num_images=num_images,
            seed=seed,
        )
    written = {}
    with _converter(
        model, None if trained else calibration, value_range
    ) as converted:
        for name, (recipe, path) in wanted.items():
            # Clients of their own do not read the encoding.
            small = sparse and name in KNOWN

            def content(recipe=recipe, path=path, small=small):
                plain = converted(recipe.format, recipe.io, small)
                ends = path.stem, classes, value_range
                return _with_ends(plain, recipe, model, *ends)

            about = classes, value_range, min_agreement
            try:
                _write(path, content, reference, *about)
            except (ValueError, RuntimeError) as error:
                if failed is None:
                    raise
                failed[name] = str(error)
                # Not left from an earlier call.
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            else:
                written[name] = path
    return written


def _check_export(model, wanted, calibration, trained, classes, value_range):
    """Raises if the files that are wanted cannot be those of the model."""
    check_trained(model, [recipe.format for recipe, _ in wanted.values()])
    check_wanted(wanted, calibration, trained)
    widths = (output.shape[-1] for output in model.outputs)
    sizes = dict(zip(names_in_file(model), widths))
    check_names(classes, value_range, sizes)
    check_outputs(model, wanted)


@contextlib.contextmanager
def _converter(model, calibration, value_range):
    """A function of (format, io, sparse) that gives a file's bytes.

    The model is traced once, and files that several targets want are made once.
    """
    float32 = as_float32(model)
    with temporary_folder() as saved_model:
        with quiet():
            save_single_image(float32, saved_model)

        @functools.cache
        def converted(kind, io, sparse):
            about = kind, sparse, calibration, value_range, io
            return _converted(float32, saved_model, *about)

        yield converted


def _in_trained_format(wanted, trained):
    """A target wants integers of either kind: those that a model trained."""

    def change(name, recipe):
        if trained and name in CLIENTS and recipe.format in INTEGER:
            return dataclasses.replace(recipe, format=trained)
        return recipe

    return {
        name: (change(name, recipe), path)
        for name, (recipe, path) in wanted.items()
    }


def _converted(model, saved_model, name, *arguments):
    """What `convert` gives; the calibrator of int8 may crash natively."""
    if name not in INTEGER:
        return convert(saved_model, name, *arguments)
    try:
        return call_in_child(convert, saved_model, name, *arguments)
    except ChildProcessError as error:
        raise ValueError(crashed(model, name, error)) from error


def _with_ends(content, recipe, model, name, classes, value_range):
    """A file with the softmax and the metadata that a recipe wants."""
    ready = gives_probabilities(model)
    if recipe.output == "probabilities" and not ready:
        content = append_softmax(content, is_multi_label(model))
    if recipe.metadata and value_range and len(model.outputs) == 1:
        content = add_metadata(
            content,
            name,
            model.inputs[0].shape[1:],
            value_range,
            "probabilities" if ready else recipe.output,
            classes,
        )
    return content


def _write(path, content, reference, classes, value_range, min_agreement):
    """Writes a file and its JSON file once it has passed its check.

    Args:
        path: Of the `.tflite` file.
        content: Function that returns its bytes.
        reference: The dict from `keras_reference`.
        classes, value_range, min_agreement: As in `export_litert`.
    """
    outputs = reference["outputs"]
    with atomic_write(path.with_suffix(".json"), path) as (about, file):
        made = content()
        file.write_bytes(made)
        measured = _checked(file, path, reference, min_agreement)
        facts = describe_artifact(
            path,
            made,
            LiteRTModel(file),
            classes,
            value_range,
            measured,
            {n: x["kind"] for n, x in outputs.items()},
            {n: x["output"] for n, x in outputs.items()},
        )
        about.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


def _checked(file, path, reference, min_agreement):
    try:
        return compare(file, reference, min_agreement)
    except ValueError as error:
        # Show the path of the caller instead of the temporary file.
        message = str(error).replace(str(file), str(path))
        raise ValueError(message) from error.__cause__
