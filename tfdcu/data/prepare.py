"""Open all sources of a run and split them."""

import dataclasses

from tfdcu.data import color_match
from tfdcu.data.copies import leave_out_copies
from tfdcu.data.disjoint import check_disjoint
from tfdcu.data.fingerprint import describe_source
from tfdcu.data.sources.arrays import check_classes
from tfdcu.data.sources.arrays import check_label_range
from tfdcu.data.sources.open import names_of
from tfdcu.data.sources.open import open_source
from tfdcu.data.sources.source import Source
from tfdcu.data.sources.source import check_ranges
from tfdcu.data.splits import few_labels
from tfdcu.data.splits import hold_out
from tfdcu.renamed import explain_renamed
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

# Largest number of pool images that are held out by default.
_HELD_OUT = 500
_SPLITS = (
    "labeled_split",
    "unlabeled_split",
    "validation_split",
    "test_split",
)


@dataclasses.dataclass(frozen=True)
class Splits:
    """The parts of the data; parts that were not given are `None`.

    Attributes:
        unlabeled: The pool to train on.
        labeled: The few labeled images.
        validation: Labeled images for model selection, disjoint from
            `labeled`.
        test: Labeled images for the final evaluation.
        pool_validation: Part of the pool that is not trained on.
        classes: Tuple of class names, or `None`.
        skipped: `{"file", "reason", "source"}` of every skipped file.
        copies: Sentences on images that are in two of the sources.
    """

    unlabeled: Source
    labeled: Source | None = None
    validation: Source | None = None
    test: Source | None = None
    pool_validation: Source | None = None
    classes: tuple | None = None
    skipped: tuple = ()
    copies: tuple = ()

    def sized(self, image_shape):
        """The same parts at another size, see `Source.sized`."""
        parts = {
            name: part.sized(image_shape)
            for name, part in vars(self).items()
            if isinstance(part, Source)
        }
        return dataclasses.replace(self, **parts)

    def describe(self):
        """A fingerprint of the images of each part, as JSON."""
        return {
            name: describe_source(part)
            for name, part in vars(self).items()
            if isinstance(part, Source)
        }

    def skipped_by_source(self):
        """Dict from source to a list of `{"file", "reason"}`."""
        found = {}
        for file in self.skipped:
            about = {key: file[key] for key in ("file", "reason")}
            found.setdefault(file["source"], []).append(about)
        return found

    def notes(self):
        """Sentences on what was left out: skipped files, and `copies`."""
        skipped = self.skipped_by_source()
        return [*map(skipped_note, skipped, skipped.values()), *self.copies]


@explain_renamed("data")
def prepare(
    labeled,
    unlabeled,
    num_classes,
    validation=None,
    test=None,
    seed=0,
    label_shape=(),
    *,
    image_shape,
    labeled_split=None,
    unlabeled_split=None,
    validation_split=None,
    test_split=None,
    labels_per_class=None,
    validation_per_class=0,
    pool_validation=None,
    match_colors=False,
    classes=None,
    value_range=(0.0, 1.0),
    data_dir=None,
):
    """Opens the sources, draws the labeled images and checks that they fit.

    Args:
        labeled: Anything `open_source` takes, or `None` for no labels at all.
        unlabeled: Anything `open_source` takes.
        num_classes: The teacher's number of classes.
        label_shape: As in `open_source`: `(num_classes,)` for a teacher of
            several labels an image.
        image_shape: The networks' input shape, (height, width, channels); for
            other inputs than images, such as signals, see `open_source`.
        validation: A separate labeled source, instead of
            `validation_per_class`.
        test: A labeled source, or `None`.
        labeled_split, unlabeled_split, validation_split, test_split: Splits of
            sources that have splits.
        labels_per_class: Labeled images per class to train on. Defaults to
            `None`, all.
        validation_per_class: Labeled images per class that are taken from
            `labeled` for validation.
        pool_validation: Number (or share below 1) of pool images held out to
            measure agreement with the teacher and `val_mimic` after each
            epoch. Defaults to `None`: a tenth of the pool, at most 500 images;
            none of a dataset that reshuffles.
        match_colors: Whether the pool's colors are matched to the labeled
            images, see `match_colors`.
        classes: The teacher's class names, or `None` for those of the data.
        value_range: (low, high) of the pixels.
        data_dir: Where TFDS finds prepared data sets.
        seed: Integer; seed of all random draws.

    Returns:
        `Splits`. Labeled, validation and test images are disjoint, and the
        pool contains no `test` or `validation` image. Overlap is detected by
        location (split, file, folder, memory) and by pixels: such images are
        left out and counted in `copies`, or refused where they are more than
        a hundredth of the labeled ones. The pool may be the source of the
        labeled images, without labels; images that `validation_per_class`
        draws from it then stay in the pool.

    Raises:
        ValueError: If there is no pool, sources share images, the classes or
            labels do not fit the teacher's, or a source cannot be used.
    """
    check_arguments(
        ("labels_per_class", "pool_validation", "data_dir", *_SPLITS),
        labels_per_class=labels_per_class,
        validation_per_class=validation_per_class,
        pool_validation=pool_validation,
        match_colors=match_colors,
        labeled_split=labeled_split,
        unlabeled_split=unlabeled_split,
        validation_split=validation_split,
        test_split=test_split,
        data_dir=data_dir,
        num_classes=num_classes,
        seed=seed,
    )
    classes = names_of(classes)
    _check_given(labeled, unlabeled, num_classes, match_colors, classes)
    options = {
        "image_shape": image_shape,
        "value_range": value_range,
        "data_dir": data_dir,
        "seed": seed,
    }
    sources = _open_sources(
        {
            "labeled": (labeled, labeled_split),
            "validation": (validation, validation_split),
            "test": (test, test_split),
        },
        num_classes,
        classes,
        label_shape=label_shape,
        **options,
    )
    with naming("unlabeled"):
        sources["unlabeled"] = open_source(
            unlabeled, split=unlabeled_split, labeled=False, **options
        )
    check_ranges(sources)
    check_disjoint(sources)
    few, own_validation = _draw_labeled(
        sources, labels_per_class, validation_per_class, num_classes, seed
    )
    (few, own_validation, pool), copies = leave_out_copies(
        few,
        own_validation,
        sources["test"],
        sources["unlabeled"],
        validation is not None,
    )
    if match_colors:
        pool = color_match.match_colors(pool, few)
    pool, held_out = _hold_out(pool, pool_validation, seed)
    named = (sources["labeled"], sources["test"], own_validation)
    return Splits(
        unlabeled=pool,
        labeled=few,
        validation=own_validation,
        test=sources["test"],
        pool_validation=held_out,
        classes=next((x.classes for x in named if x and x.classes), classes),
        skipped=tuple(
            {"source": key, **file}
            for key, source in sources.items()
            if source is not None
            for file in source.skipped
        ),
        copies=copies,
    )


def _open_sources(given, num_classes, classes, **options):
    """The labeled sources, open; `None` for those that are not given.

    Args:
        given: Dict from `"labeled"`, `"validation"` and `"test"`, in this
            order, to pairs of a source or `None` and its split.
        num_classes, classes: The teacher's; without names those of the labeled
            images are taken.
        **options: Keywords of `open_source`.
    """
    opened = {}
    for name, (source, split) in given.items():
        opened[name] = None
        if source is None:
            continue
        one = open_labeled(
            name, source, num_classes, split=split, classes=classes, **options
        )
        if name == "labeled":
            classes = classes or one.classes
        else:
            # These are read repeatedly, in the same order.
            one = one.in_fixed_order()
        opened[name] = one
    return opened


def _draw_labeled(sources, per_class, validation_per_class, num_classes, seed):
    """The labeled images to train on and those for validation, or `None`."""
    labeled, validation = sources["labeled"], sources["validation"]
    if labeled is None:
        return None, validation
    if validation is not None and validation_per_class:
        raise ValueError(
            f"Two ways to validate. Expected: either `validation` or "
            f"`validation_per_class`. Received: {validation.name} and "
            f"{validation_per_class}."
        )
    few, drawn = few_labels(
        labeled,
        per_class=per_class,
        validation_per_class=validation_per_class,
        num_classes=num_classes,
        seed=seed,
    )
    return few, validation or drawn


def _hold_out(pool, number, seed):
    """The pool without some images, and these, or `None`."""
    if number is None and pool.fixed_order:
        number = min(pool.num_images // 10, _HELD_OUT)
    if not number:
        return pool, None
    with naming("pool_validation"):
        return hold_out(pool, number, seed=seed)


def open_labeled(name, source, num_classes, **options):
    """A labeled source whose labels are those of a model.

    Args:
        name: The argument that it is given as.
        source: Anything `open_source` takes.
        num_classes: The model's number of classes.
        **options: Keywords of `open_source`.

    Returns:
        A `Source`.

    Raises:
        ValueError: If the source cannot be opened, or has other classes.
    """
    with naming(name):
        source = open_source(source, **options)
    check_classes(source, num_classes)
    if not source.label_shape:
        check_label_range(source.name, source.labels(), num_classes)
    return source


def skipped_note(name, files):
    """A sentence on the files of a source that are skipped.

    Args:
        name: The argument that the source was given as.
        files: `Source.skipped`, at least one.
    """
    first = f"{files[0]['file']} ({files[0]['reason']})"
    return f"Skipped files of `{name}`: {len(files):,}, such as {first}."


def _check_given(labeled, unlabeled, num_classes, match_colors, classes):
    if match_colors and labeled is None:
        raise ValueError(
            "There are no colors to match. Expected: labeled images, or "
            "match_colors=False. Received: labeled=None."
        )
    if unlabeled is None:
        raise ValueError(
            "There is no pool. Expected: `unlabeled` images to train the "
            "student on. Received: None."
        )
    if classes is not None and len(classes) != num_classes:
        raise ValueError(
            f"The names in `classes` do not fit the teacher. Expected: "
            f"{num_classes} names. Received: {len(classes)}: {list(classes)}."
        )
