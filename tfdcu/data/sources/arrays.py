"""Sources from arrays in memory."""

import dataclasses
import itertools
import weakref

import numpy as np

from tfdcu.data.sources import pixels
from tfdcu.data.sources.source import from_arrays
from tfdcu.graph import columns

# Numbers of live arrays that own image memory, by `id`.
_numbers = {}
_next_number = itertools.count(1)


def open_arrays(
    name,
    images,
    labels,
    *,
    image_shape=None,
    value_range=(0.0, 1.0),
    classes=None,
    label_shape=(),
    spans=None,
):
    """A source over an array of images and an optional array of labels.

    With the `value_range` `None` these are other inputs than images: arrays
    (num, *image_shape) of any numbers.

    Args:
        name: Name for messages.
        images: (num, height, width) or (num, height, width, channels); uint8,
            uint16, bool, integers from 0 to 255, or floats in `value_range`.
        labels: Integers of shape (num, *label_shape) or (num, *label_shape,
            1), or `None`.
        image_shape: (height, width, channels); `None` keeps the shape.
        value_range: (low, high) of the decoded pixels.
        classes: Class names in the order of the labels, or `None`.
        label_shape: As in `open_source`.
        spans: See `Source`; defaults to the memory of the array.

    Returns:
        A `Source`.

    Raises:
        ValueError: If shapes, types or values are not those of images or
            labels.
    """
    images = np.asarray(images)
    if not images.dtype.isnative:
        images = images.astype(images.dtype.newbyteorder("="))
    spans = memory_spans(images) if spans is None else spans
    if value_range is not None and images.ndim == 3:
        images = images[..., None]
    check_shape(name, images.shape, value_range, image_shape)
    if labels is not None:
        labels = check_labels(name, labels, len(images), classes, label_shape)
    pixels.check_values(images, value_range, f"The images of {name}")
    if value_range is None:
        images = images.astype(pixels.dtype_of(images.dtype, None))
    elif images.dtype not in (np.uint8, np.uint16, np.bool_):
        kept = np.uint8 if images.dtype.kind in "iu" else np.float32
        images = images.astype(kept)
    source = from_arrays(
        name, images, labels, image_shape or images.shape[1:], value_range
    )
    return dataclasses.replace(
        source,
        outputs=columns.by_name(label_shape) if labels is not None else None,
        classes=classes,
        spans=spans,
    )


def check_shape(name, shape, value_range=(0.0, 1.0), image_shape=None):
    """Raises unless the shape is (num, height, width, channels).

    Of other inputs than images, whose `value_range` is `None`: (num,
    *image_shape).
    """
    if value_range is None:
        if tuple(shape[1:]) != tuple(image_shape):
            raise ValueError(
                f"Invalid shape of the inputs in {name}. Expected: (num, "
                f"{', '.join(map(str, image_shape))}), with `image_shape` as "
                f"the network takes it. Received: shape {tuple(shape)}."
            )
    elif len(shape) != 4 or not 1 <= shape[3] <= 4 or 0 in shape[1:3]:
        raise ValueError(
            f"Invalid shape of the images of {name}. Expected: (num, height, "
            f"width) or (num, height, width, channels) with 1 to 4 channels; "
            "of other inputs pass the shape of one as `image_shape`. "
            f"Received: shape {tuple(shape)}."
        )
    if shape[0] == 0:
        raise ValueError(
            f"{name} is empty. Expected: at least one image. Received: 0."
        )


def check_labels(name, labels, num_images, classes=None, label_shape=()):
    """Checks labels and converts them to int32 (num, *label_shape).

    Args:
        name: Name of the source for messages.
        labels: Array-like.
        num_images: Number of images.
        classes: Class names, to check the range of the labels, or `None`.
        label_shape: As in `open_source`.

    Returns:
        Int32 array of shape (num_images, *label_shape), or (num_images,
        columns) for several outputs.

    Raises:
        ValueError: If the shape is wrong, or labels are not whole numbers or
            out of range.
    """
    if isinstance(label_shape, dict):
        check_outputs(name, labels, label_shape)
        each = {
            output: check_labels(
                f"{name} for {output!r}", labels[output], num_images, None, one
            )
            for output, one in label_shape.items()
        }
        return columns.pack(each, label_shape)
    labels = np.asarray(labels)
    received = f"Received: dtype {labels.dtype} and shape {labels.shape}."
    shape = (num_images, *label_shape)
    if labels.shape == (*shape, 1):
        labels = labels[..., 0]
    if labels.shape != shape or labels.dtype.kind not in "biuf":
        raise ValueError(
            f"The labels of {name} do not fit its images. Expected: "
            f"{expected_labels(label_shape)}, shape {shape}. {received}"
        )
    if labels.dtype.kind == "b":
        labels = labels.astype("int32")
    if not np.array_equal(labels, np.floor(labels)):
        raise ValueError(
            f"The labels of {name} are not class indices. Expected: whole "
            f"numbers. {received}"
        )
    # Of several labels an image, classes are the names of these.
    one = len(label_shape) != 1
    check_label_range(name, labels, len(classes) if classes and one else None)
    return labels.astype("int32")


def check_outputs(name, labels, label_shape):
    """Raises unless labels are a dict with an entry for each output.

    Args:
        name: Name of the source for messages.
        labels: Anything.
        label_shape: Dict from the name of an output to a shape.
    """
    known = isinstance(labels, dict)
    if not known or set(labels) != set(label_shape):
        received = sorted(map(str, labels)) if known else type(labels).__name__
        raise ValueError(
            f"The labels of {name} do not fit a network of several outputs. "
            f"Expected: {expected_labels(label_shape)}. Received: {received}."
        )


def expected_labels(label_shape):
    """What labels have to be, in words; see `open_source`."""
    if isinstance(label_shape, dict):
        return f"a dict with labels for each of {sorted(label_shape)}"
    if not label_shape:
        return (
            "one class index per image; take argmax of one-hot labels first, "
            "and for several labels an image a model that ends in sigmoids"
        )
    if len(label_shape) == 1:
        return (
            f"0 or 1 for each of the {label_shape[0]} labels of an image, or "
            f"a class for each of {label_shape[0]} positions"
        )
    return "a map with one class index per position for each image"


def check_label_range(name, labels, num_classes=None):
    """Raises unless labels are in [0, num_classes), or >= 0 for `None`."""
    largest = np.inf if num_classes is None else num_classes - 1
    bad = (labels < 0) | (labels > largest)
    if bad.any():
        expected = (
            "labels of at least 0"
            if num_classes is None
            else f"labels from 0 to {largest} for {num_classes} classes"
        )
        raise ValueError(
            f"{name} has labels out of range. Expected: {expected}. "
            f"Received: {int(bad.sum())} other labels: "
            f"{sorted({int(label) for label in labels[bad]})[:10]}."
        )


def check_classes(source, num_classes):
    """Raises unless the class names of a source can be those of a model.

    Args:
        source: A `Source` with labels.
        num_classes: The model's number of classes.
    """
    if source.classes is not None and len(source.classes) != num_classes:
        raise ValueError(
            f"{source.name} and the model have different classes. Expected: "
            f"{num_classes} classes, or the names of all of the model's as "
            "`classes`, of which the images may show some. Received: "
            f"{len(source.classes)}: {list(source.classes)}."
        )


def memory_spans(array):
    """The bytes that a contiguous array covers, else an empty tuple.

    The place is a number of the array that owns the memory, since an address
    is reused once its owner is deleted.
    """
    if not array.flags["C_CONTIGUOUS"]:
        return ()
    start = array.__array_interface__["data"][0]
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if id(owner) not in _numbers:
        _numbers[id(owner)] = next(_next_number)
        weakref.finalize(owner, _numbers.pop, id(owner))
    return ((f"array {_numbers[id(owner)]}", start, start + array.nbytes),)
