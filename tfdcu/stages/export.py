"""The stage that writes the LiteRT files of teacher and student."""

import numpy as np

from tfdcu.data import images_of
from tfdcu.export import FEW_IMAGES
from tfdcu.export import FORMATS
from tfdcu.export import export_all
from tfdcu.export import trained_format
from tfdcu.export import write_app_files
from tfdcu.graph.choices import most_images
from tfdcu.graph.heads import is_classifier

# What is as small as a dynamic file.
NEARLY_EXACT = (
    ". The format weight8 is as small and nearly exact: add it to "
    "export.formats."
)


def export(run):
    """Write and check the LiteRT files of teacher and student.

    A file that cannot be converted or fails its check is left out, with its
    reason in the notes; files of former options are deleted. Labels, an
    example and `USE.md` are written beside the student's files that classify
    images.

    Args:
        run: A `Run`; its `files`, `failed` and `notes` are extended.
    """
    run.files, run.failed = export_models(
        run.models, run.splits, run.folder, **run.config["export"]
    )
    paths = [*run.files.values()]
    paths += [path.with_suffix(".json") for path in paths]
    made = {path.name for path in paths}
    former = [
        name
        for name in run.workdir.recorded()
        if name.startswith("student_") and name not in made
    ]
    run.workdir.drop(*former)
    run.workdir.record(*made)
    run.say(
        f"The {name} file was left out: {reason}"
        + (NEARLY_EXACT if name.endswith("dynamic") else "")
        for name, reason in run.failed.items()
    )
    student = {k: p for (who, k), p in run.files.items() if who == "student"}
    of_photos = run.splits.unlabeled.value_range is not None
    if student and of_photos and is_classifier(run.models["student"]):
        written = write_app_files(student, example_images(run))
        run.workdir.record(*(path.name for path in written))


def example_images(run, num=32):
    """Some images of the task, else of the pool, at the student's size."""
    source = run.splits.labeled or run.splits.unlabeled
    shape = run.models["student"].input_shape[1:]
    return images_of(source.sized(shape), num)


def export_models(models, splits, folder, **export):
    """Write the teacher's float32 file and all files of the student.

    Args:
        models: Dict with `teacher` and `student`.
        splits: `tfdcu.data.Splits`, the images to calibrate and check with.
        folder: Folder for the files.
        **export: Options of `export_all`.

    Returns:
        (dict from (model, format) to path, the teacher's first; dict from the
        files that failed, such as `"student int8"`, to the reason).
    """
    files, failed = {}, {}
    for model, name, options in (
        (models["teacher"], "teacher", {"formats": ("float32",)}),
        *students(models, export),
    ):
        reasons = {}
        kinds = *options.get("formats", FORMATS), *options.get("targets", ())
        print(f"Writing and checking files of the {name}: {', '.join(kinds)}")
        paths = export_model(model, splits, folder, name, reasons, **options)
        files |= {(name, kind): path for kind, path in paths.items()}
        failed |= {f"{name} {kind}": why for kind, why in reasons.items()}
    return files, failed


def students(models, export):
    """The models that the student's files are made of, each with its options.

    What was trained in integers gives the integer files and those of targets.
    """
    quantized = models.get("quantized")
    if quantized is None:
        return [(models["student"], "student", export)]
    own = trained_format(quantized)
    others = [name for name in export.get("formats", FORMATS) if name != own]
    floats = {
        key: value
        for key, value in export.items()
        if key != "targets" and (key != "io" or "int8" in others)
    }
    integers = {k: v for k, v in export.items() if k != "sparse"}
    return [
        *(
            [(models["student"], "student", floats | {"formats": others})]
            if others
            else []
        ),
        (quantized, "student", integers | {"formats": [own]}),
    ]


def export_model(model, splits, folder, name="student", failed=None, **export):
    """Write a model's files, calibrated and checked at its input size.

    Args:
        model: A `keras.Model`.
        splits, folder, **export: As in `export_models`.
        name: Prefix of the file names.
        failed: As in `export_all`.

    Returns:
        Dict from format to path.
    """
    num = export.get("num_images") or 256
    num = most_images([x.shape[1:] for x in model.outputs], num)
    sized = splits.sized(model.input_shape[1:])
    calibration, images = images_for_export(sized, num)
    return export_all(
        model,
        folder,
        calibration,
        images,
        splits.classes,
        # The default, which counts for nothing where there are no pixels.
        splits.unlabeled.value_range or (0.0, 1.0),
        name,
        failed=failed,
        **export,
    )


def images_for_export(splits, num=None):
    """Images for int8 calibration and images for the checks of the files.

    Labeled images calibrate if there are enough of them: other images cause
    activations that the task never reaches, and a wider range has coarser
    steps. If there are few, pool images are added, because values outside the
    calibrated range are clipped. Pool images check the files.

    Args:
        splits: `tfdcu.data.Splits`.
        num: Maximum number of each. Defaults to 256.

    Returns:
        Two float32 arrays (num, height, width, channels). The first holds
        labeled images only if there are at least 100 of them.
    """
    num = num or 256
    few, check = splits.labeled, images_of(splits.unlabeled, num)
    if few is None:
        return check, check
    own = images_of(few, num)
    if few.num_images >= FEW_IMAGES:
        return own, check
    return np.concatenate([own, check])[:num], check
