"""A teacher for those who have none: a named model, trained on labels."""

import shutil
from pathlib import Path

import keras
import numpy as np

from tfdcu.data import check_augment
from tfdcu.data import open_source
from tfdcu.data.batches import labeled_batches
from tfdcu.data.copies import all_looks
from tfdcu.data.copies import without_copies
from tfdcu.data.disjoint import check_disjoint
from tfdcu.data.fingerprint import describe_source
from tfdcu.data.prepare import open_labeled
from tfdcu.data.prepare import skipped_note
from tfdcu.data.sources.source import check_ranges
from tfdcu.evaluate import evaluate
from tfdcu.models import build
from tfdcu.models import check_name
from tfdcu.models import load
from tfdcu.report import Progress
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_options
from tfdcu.training.train import check_training
from tfdcu.training.train import train
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.console import console
from tfdcu.workdir.console import printable
from tfdcu.workdir.fingerprint import fingerprint_of
from tfdcu.workdir.fingerprint import versions
from tfdcu.workdir.own_files import lock_folder
from tfdcu.workdir.workdir import Workdir
from tfdcu.workdir.workdir import save_model


def train_teacher(
    path,
    *,
    model,
    labeled,
    split=None,
    test=None,
    test_split=None,
    data_dir=None,
    image_shape=None,
    width=1.0,
    batch_size=64,
    augment=None,
    training=None,
    seed=0,
    verbose=1,
):
    """Train a named model on labeled images and save it, unless it is there.

    Use it to try tfdcu without a teacher of your own. A killed training goes
    on from its last epoch, when it is called again with the same arguments.

    Args:
        path: The `.keras` file; until it is there, the checkpoint lies in a
            folder beside it.
        model: Name for `tfdcu.models.build`.
        labeled: Anything `tfdcu.data.open_source` takes, with labels.
        split: Split of `labeled`, for sources that have such.
        test: Optional labeled source, read once, at the end.
        test_split: Split of `test`.
        data_dir: Where TFDS finds prepared data sets.
        image_shape: (height, width, channels). Defaults to the source's.
        width: Factor on all channel counts. Defaults to 1.
        batch_size: Int. Defaults to 64.
        augment: As in `tfdcu.data.training_batches`. Defaults to `None`.
        training: Keywords of `tfdcu.training.train`.
        seed: Int, for weights and order. Defaults to 0.
        verbose: 0 prints nothing, 1 a bar, 2 a line for each epoch.

    Returns:
        Dict with `path`, `params` and `accuracy` (of `test`, or `None`).

    Raises:
        ValueError: If a name or source is unknown or does not fit, the test
            images are among those that are trained on, the checkpoint is of
            other arguments, or another process trains it.

    Example:

    >>> tfdcu.train_teacher("teacher.keras", model="digits", labeled="digits")
    """
    check_arguments(
        ("split", "test_split", "data_dir"),
        path=path,
        split=split,
        test_split=test_split,
        data_dir=data_dir,
        width=width,
        batch_size=batch_size,
        seed=seed,
        verbose=verbose,
    )
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(
            "The teacher's file has the wrong ending. Expected: a path that "
            f"ends in .keras. Received: '{path}'"
        )
    training = check_options("training", training, SECTIONS["training"])
    check_training(**training)
    with naming("model"):
        check_name(model)
    check_augment(augment)
    with naming("labeled"):
        source = open_source(
            labeled, split=split, image_shape=image_shape, data_dir=data_dir
        )
    num_classes = _count_classes(source)
    notes = [skipped_note("labeled", source.skipped)] if source.skipped else []
    if test is not None:
        test = _open_test(test, test_split, data_dir, source, num_classes)
        source, left_out = without_copies(
            "labeled", source, "test", test, all_looks
        )
        notes += left_out
    if not path.exists():
        keras.utils.set_random_seed(seed)
        teacher = build(
            model,
            num_classes=num_classes,
            image_shape=source.image_shape,
            width=width,
            seed=seed,
        )
        identity = {
            "model": model,
            "labeled": labeled,
            "split": split,
            "data_dir": data_dir,
            "image_shape": image_shape,
            "width": width,
            "batch_size": batch_size,
            "augment": augment,
            "training": training,
            "seed": seed,
            "images": describe_source(source),
        }
        folder = path.with_suffix(".training")
        lock = lock_folder(folder)
        try:
            run = Workdir(folder, fingerprint_of(identity), versions())
            with console(verbose):
                for note in notes:
                    print(printable(note))
                _train(
                    teacher, source, run, batch_size, augment, seed, training
                )
            save_model(teacher, path)
            shutil.rmtree(run.path)
        finally:
            lock.release()
    teacher = load(path)
    accuracy = None
    if test is not None:
        accuracy = evaluate(teacher, test)["accuracy"]
    return {
        "path": str(path),
        "params": teacher.count_params(),
        "accuracy": accuracy,
    }


def _open_test(test, split, data_dir, labeled, num_classes):
    """The test images, as a `Source` of others than the labeled ones."""
    test = open_labeled(
        "test",
        test,
        num_classes,
        split=split,
        classes=labeled.classes,
        image_shape=labeled.image_shape,
        data_dir=data_dir,
    ).in_fixed_order()
    sources = {"labeled": labeled, "test": test}
    check_ranges(sources)
    check_disjoint(sources)
    return test


def _count_classes(source):
    """How many classes there are; raises if one has no image."""
    num_classes = len(source.classes or ()) or int(source.labels().max()) + 1
    counts = np.bincount(source.labels(), minlength=num_classes)
    if not counts.all():
        names = source.classes or range(num_classes)
        raise ValueError(
            "A teacher cannot learn a class without images. Expected: labeled "
            f"images of each of {num_classes} classes. Received: none of "
            f"{[name for name, n in zip(names, counts) if not n]}"
        )
    return num_classes


def _train(teacher, source, run, batch_size, augment, seed, training):
    """Trains on labels alone, in the folder of a run."""

    def batches(epochs):
        return labeled_batches(source, epochs, batch_size, augment, seed)

    train(
        teacher,
        batches,
        len(batches(range(1))),
        run.path,
        callbacks=[Progress("teacher")],
        seed=seed,
        **training,
    )
