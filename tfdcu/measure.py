"""What came of a run: one row for each model and file, and why."""

from dataclasses import asdict

import numpy as np

from tfdcu.data import images_of
from tfdcu.evaluate import choices_of
from tfdcu.evaluate import share_equal
from tfdcu.export import FEW_IMAGES
from tfdcu.export import explain
from tfdcu.export import export_all
from tfdcu.export import file_sizes
from tfdcu.export import latency
from tfdcu.report import Row
from tfdcu.report import profile
from tfdcu.transfer import resized

# How the models of a run are called in its table.
NAMES = {
    "teacher": "teacher",
    "baseline": "labels only",
    "student": "student",
}
# Agreement is measured on this many pool images where nothing has labels.
NUM_POOL_IMAGES = 1000


def exported(models, splits, folder, **export):
    """The teacher's float32 file and all files of the student, checked.

    Args:
        models: Dict with `teacher` and `student`.
        splits: `tfdcu.data.Splits`; what calibrates and checks.
        folder: Where the files go.
        **export: Keywords of `export_all`.

    Returns:
        Dict from (model, format) to path, the teacher's first.
    """
    files = {}
    for name in ("teacher", "student"):
        options = export if name == "student" else {"formats": ("float32",)}
        paths = files_of(models[name], splits, folder, name=name, **options)
        files.update({(name, kind): path for kind, path in paths.items()})
    return files


def files_of(model, splits, folder, **export):
    """A model's files, calibrated and checked on images at its own size.

    Args:
        model: A `keras.Model`.
        splits, folder, **export: As in `exported`.

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
        calibration=calibration,
        images=images,
        classes=splits.classes,
        value_range=splits.unlabeled.value_range,
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


def measured(models, files, splits):
    """Rows for the report's table, and notes on what they do not say.

    Accuracy is of the test images, else of the validation images; a file's
    agreement is that with the Keras model it was made from, on the same
    images, else on images of the pool. Latencies are taken in turns.

    Args:
        models: Dict from name (`teacher`, `baseline`, `student`) to model.
        files: What `exported` returned.
        splits: `tfdcu.data.Splits`.

    Returns:
        (list of flat dicts as in `report.json`, list of sentences).
    """
    images, measured_on = table_images(splits)
    milliseconds = latency(files)
    rows, notes = [], []
    for name, model in models.items():
        whole = profile(model)
        cost = {"params": whole["params"], "macs": whole["macs"]}
        choices, labels = choices_of(model, images)
        row = Row(
            name=NAMES[name],
            format="keras",
            accuracy=share_equal(choices, labels),
            **cost,
        )
        rows.append(asdict(row))
        for (owner, kind), path in files.items():
            if owner != name:
                continue
            theirs, labels = choices_of(path, images)
            row = Row(
                name=NAMES[name],
                format=kind,
                accuracy=share_equal(theirs, labels),
                agreement=share_equal(theirs, choices),
                latency_ms=milliseconds[owner, kind],
                **cost,
                **file_sizes(path),
            )
            rows.append(asdict(row))
            if name == "student":
                notes += explain(rows[-1], rows[1], path)
    return rows, [measured_on, pool_agreement(models, splits), *notes]


def table_images(splits):
    """What accuracy and agreement are measured on, and a sentence on it."""
    for name in ("test", "validation"):
        source = getattr(splits, name)
        if source is not None:
            return source, (
                "Accuracy and agreement are measured on the "
                f"{source.num_images:,} {name} images."
            )
    pool = some_of_the_pool(splits)
    return pool, (
        "There are no labeled images to measure accuracy on. Agreement is "
        f"measured on {pool.num_images:,} images of the pool."
    )


def some_of_the_pool(splits):
    """Pool images, those that were held out from training where there are."""
    pool = splits.pool_validation or splits.unlabeled
    num = min(NUM_POOL_IMAGES, pool.num_images)
    return pool.subset(np.arange(num) * pool.num_images // num)


def pool_agreement(models, splits):
    """A sentence on how far the student follows the teacher on the pool."""
    pool = some_of_the_pool(splits)
    choices = [choices_of(models[n], pool)[0] for n in ("teacher", "student")]
    kind = "held-out" if splits.pool_validation else "training"
    return (
        f"On {pool.num_images} {kind} images of the pool the student chooses "
        f"the teacher's class in {share_equal(*choices):.1%}."
    )
