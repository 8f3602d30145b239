"""The files of a run: the teacher's and all of the student."""

import numpy as np

from tfdcu.data import images_of
from tfdcu.export import FEW_IMAGES
from tfdcu.export import export_all
from tfdcu.models.resize import resized


def export(run):
    """Write the LiteRT files of teacher and student, each checked.

    A file that cannot be converted or fails its check is left out, with its
    reason in the notes.

    Args:
        run: A `Run`; its `files`, `failed` and `notes` are extended.
    """
    run.files, run.failed = export_models(
        run.models, run.splits, run.folder, **run.config["export"]
    )
    run.workdir.record(
        *(path.name for path in run.files.values()),
        *(path.with_suffix(".json").name for path in run.files.values()),
    )
    run.say(
        f"The {name} file was left out: {reason}"
        for name, reason in run.failed.items()
    )


def export_models(models, splits, folder, **export):
    """The teacher's float32 file and all files of the student, checked.

    Args:
        models: Dict with `teacher` and `student`.
        splits: `tfdcu.data.Splits`; what calibrates and checks.
        folder: Where the files go.
        **export: Options of `export_all`.

    Returns:
        (dict from (model, format) to path, the teacher's first; dict from the
        files that failed, such as `"student int8"`, to the reason).
    """
    files, failed = {}, {}
    for name, options in (
        ("teacher", {"formats": ("float32",)}),
        ("student", export),
    ):
        reasons = {}
        paths = export_model(
            models[name], splits, folder, name, reasons, **options
        )
        files |= {(name, kind): path for kind, path in paths.items()}
        failed |= {f"{name} {kind}": why for kind, why in reasons.items()}
    return files, failed


def export_model(model, splits, folder, name="student", failed=None, **export):
    """A model's files, calibrated and checked on images at its own size.

    Args:
        model: A `keras.Model`.
        splits, folder, **export: As in `export_models`.
        name: How the files' names begin.
        failed: As in `export_all`.

    Returns:
        Dict from format to path.
    """
    calibration, images = (
        np.asarray(resized(some, model.input_shape))
        for some in images_for_export(splits, export.get("num_images"))
    )
    return export_all(
        model,
        folder,
        calibration,
        images,
        splits.classes,
        splits.unlabeled.value_range,
        name,
        failed=failed,
        **export,
    )


def images_for_export(splits, num=None):
    """The images that int8 is calibrated on, and those that check the files.

    The task's own images calibrate, if they are enough: foreign ones stir a
    network to values that it does not reach on these, and a wider range has
    coarser steps. If they are few, the pool's join them, never replace them:
    values beyond those that calibrated are cut off. The pool's images check.

    Args:
        splits: `tfdcu.data.Splits`.
        num: How many at most, of each. Defaults to 256.

    Returns:
        Two float32 arrays (num, height, width, channels), the first of the
        labeled images where there are 100 of them, else of these and the pool.
    """
    num = num or 256
    few, check = splits.labeled, images_of(splits.unlabeled, num)
    if few is None:
        return check, check
    own = images_of(few, num)
    if few.num_images >= FEW_IMAGES:
        return own, check
    return np.concatenate([own, check])[:num], check
