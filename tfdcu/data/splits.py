"""Split a source: a few labeled images, validation, a held-out pool."""

import numbers

import numpy as np

from tfdcu.data.sources.arrays import check_label_range
from tfdcu.data.sources.open import open_source
from tfdcu.renamed import explain_renamed
from tfdcu.workdir.arguments import COUNT
from tfdcu.workdir.arguments import POSITIVE
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming


@explain_renamed("few_labels")
def few_labels(
    source,
    *,
    per_class=None,
    validation_per_class=0,
    num_classes=None,
    seed=0,
):
    """Draws a few labeled images, balanced by class, and a validation set.

    Labels are read first and only the drawn images are decoded, so a large
    source needs little memory. The drawn images are kept in memory, decoded,
    if they fit `source.MEMORY_LIMIT`.

    Args:
        source: Anything `open_source` takes, with labels.
        per_class: Images per class. Defaults to `None`: all images that are
            not drawn for validation.
        validation_per_class: Images per class for validation, disjoint from
            the others.
        num_classes: Number of classes. Default: the source's `classes`, or the
            largest label + 1.
        seed: Integer; the same seed draws the same images.

    Returns:
        (labeled, validation): two `Source`s; validation is `None` if
        `validation_per_class` is 0.

    Raises:
        ValueError: If a number is invalid, a class has too few images, a label
            is out of range, or the source is a dataset that reshuffles.
    """
    check("per_class", per_class, COUNT, optional=True)
    check_arguments(
        ("num_classes",),
        validation_per_class=validation_per_class,
        num_classes=num_classes,
        seed=seed,
    )
    if not hasattr(source, "labeled"):
        with naming("source"):
            source = open_source(source)
    source.check_order("it cannot be split")
    if source.label_shape:
        return _all_of(source, per_class, validation_per_class), None
    labels = source.labels()
    if num_classes is None:
        num_classes = len(source.classes or range(labels.max() + 1))
    check_label_range(source.name, labels, num_classes)
    wanted = 1 if per_class is None else per_class
    _check_counts(source, labels, num_classes, wanted + validation_per_class)
    generator = np.random.default_rng(seed)
    labeled, validation = [], []
    for label in range(num_classes):
        members = generator.permutation(np.flatnonzero(labels == label))
        validation.extend(members[:validation_per_class])
        rest = members[validation_per_class:]
        labeled.extend(rest[: per_class or len(rest)])
    held_out = _part(source, validation) if validation else None
    return _part(source, labeled), held_out


def hold_out(source, num, *, seed=0):
    """Splits a source in two at random, e.g. to validate on unlabeled images.

    No image is decoded.

    Args:
        source: Anything `open_source` takes; labels, if any, are kept.
        num: How many images to hold out; a float below 1 is a share.
        seed: Integer.

    Returns:
        (rest, held_out): two disjoint `Source`s with all images.

    Raises:
        ValueError: If no image is left, or the source is a dataset that
            reshuffles.
    """
    check("num", num, POSITIVE)
    check_arguments(seed=seed)
    if not hasattr(source, "labeled"):
        with naming("source"):
            source = open_source(source, labeled=False)
    source.check_order("it cannot be split")
    received = num
    if isinstance(num, numbers.Real) and num < 1:
        num = round(num * source.num_images)
    if not _is_integer(num) or not 0 < num < source.num_images:
        raise ValueError(
            f"Cannot hold out this number of images of {source.name}. "
            f"Expected: more than 0 and fewer than {source.num_images}. "
            f"Received: num={received}."
        )
    order = np.random.default_rng(seed).permutation(source.num_images)
    return source.subset(order[num:]), source.subset(order[:num])


def _part(source, indices):
    part = source.subset(indices)
    return part.in_memory() if part.fits_in_memory() else part


def _all_of(source, per_class, validation_per_class):
    """A source whose images have no one class by which to draw them."""
    if per_class is not None or validation_per_class:
        raise ValueError(
            f"Images of {source.name} have several labels or a map each and "
            "cannot be drawn by class. Expected: labels_per_class=None and "
            "validation_per_class=0, with few images as they are and a "
            f"`validation` source. Received: {per_class} and "
            f"{validation_per_class}."
        )
    return _part(source, np.arange(source.num_images))


def _is_integer(num):
    return isinstance(num, numbers.Integral)


def _check_counts(source, labels, num_classes, wanted):
    counts = np.bincount(labels, minlength=num_classes)
    names = source.classes or range(num_classes)
    if len(names) != num_classes:
        raise ValueError(
            f"{source.name} has a different number of classes. Expected: "
            f"{num_classes}. "
            f"Received: {len(names)}: {list(names)}."
        )
    short = {
        str(name): int(count)
        for name, count in zip(names, counts, strict=True)
        if 0 < count < wanted
    }
    if not counts.any():
        short = {"all": 0}
    if short:
        raise ValueError(
            f"{source.name} has too few images of some classes. Expected: at "
            f"least {wanted} of each, validation included. Received: {short}."
        )
