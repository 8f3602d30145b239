"""Disjoint parts of a source: a few labels, validation, a held-out pool."""

import numbers

import numpy as np

from tfdcu.data.sources.arrays import check_label_range
from tfdcu.data.sources.open import open_source


def few_labels(
    source,
    *,
    per_class=None,
    validation_per_class=0,
    num_classes=None,
    seed=0,
):
    """Draws a class-balanced few labeled images, and others for validation.

    Labels are read first and images decoded only when they are chosen, so a
    large source costs little memory. What is chosen is kept in memory, decoded,
    if it fits `source.MEMORY_LIMIT`.

    Args:
        source: Anything `open_source` takes, with labels.
        per_class: Images of each class. Defaults to `None`: all images that
            validation leaves.
        validation_per_class: Images of each class for validation, none of
            which is among the few.
        num_classes: How many classes there must be. Default: the source's
            `classes`, or the largest label + 1.
        seed: Integer; the same seed draws the same images.

    Returns:
        (few, validation): two `Source`s; validation is `None` if
        `validation_per_class` is 0.

    Raises:
        ValueError: If senseless numbers are given, a class has too few
            images, a label is outside of the classes, or the source is a
            dataset that reshuffles.
    """
    source = open_source(source)
    _check_numbers(per_class, validation_per_class)
    source.check_order("it cannot be parted")
    labels = source.labels()
    if num_classes is None:
        num_classes = len(source.classes or range(labels.max() + 1))
    check_label_range(source.name, labels, num_classes)
    wanted = 1 if per_class is None else per_class
    _check_counts(source, labels, num_classes, wanted + validation_per_class)
    generator = np.random.default_rng(seed)
    few, validation = [], []
    for label in range(num_classes):
        members = generator.permutation(np.flatnonzero(labels == label))
        validation.extend(members[:validation_per_class])
        rest = members[validation_per_class:]
        few.extend(rest[: per_class or len(rest)])
    return _part(source, few), _part(source, validation) if validation else None


def hold_out(source, num, *, seed=0):
    """Parts a source in two at random, e.g. to validate on unlabeled images.

    Nothing is decoded.

    Args:
        source: Anything `open_source` takes; labels, if any, are kept.
        num: How many images to hold out; a float below 1 is a share.
        seed: Integer.

    Returns:
        (rest, held): two disjoint `Source`s that together are the whole.

    Raises:
        ValueError: If that leaves nothing, or the source is a dataset that
            reshuffles.
    """
    if not hasattr(source, "labeled"):
        source = open_source(source, labeled=False)
    source.check_order("it cannot be parted")
    received = num
    if isinstance(num, numbers.Real) and num < 1:
        num = round(num * source.num_images)
    if not _is_whole(num) or not 0 < num < source.num_images:
        raise ValueError(
            f"Cannot hold out that many images of {source.name}. Expected more "
            f"than 0 and fewer than its {source.num_images}. Received "
            f"{received}."
        )
    order = np.random.default_rng(seed).permutation(source.num_images)
    return source.subset(order[num:]), source.subset(order[:num])


def _part(source, indices):
    part = source.subset(indices)
    return part.in_memory() if part.fits_in_memory() else part


def _is_whole(num):
    return isinstance(num, numbers.Integral)


def _check_numbers(per_class, validation_per_class):
    wanted = (1 if per_class is None else per_class), validation_per_class
    if not all(map(_is_whole, wanted)) or wanted[0] < 1 or wanted[1] < 0:
        raise ValueError(
            f"Not a number of images. Expected whole numbers, per_class >= 1 "
            f"and validation_per_class >= 0. Received {per_class} and "
            f"{validation_per_class}."
        )


def _check_counts(source, labels, num_classes, wanted):
    counts = np.bincount(labels, minlength=num_classes)
    names = source.classes or range(num_classes)
    if len(names) != num_classes:
        raise ValueError(
            f"{source.name} has other classes. Expected {num_classes}. "
            f"Received {len(names)}: {list(names)}."
        )
    short = {
        str(name): int(count)
        for name, count in zip(names, counts, strict=True)
        if count < wanted
    }
    if short:
        raise ValueError(
            f"{source.name} has too few images of some classes. Expected at "
            f"least {wanted} of each, validation included. Received {short}."
        )
