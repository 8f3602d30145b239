"""Open images by name, from files, arrays or a dataset."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdcu.data.sources.arrays import expected_labels
from tfdcu.data.sources.arrays import open_arrays
from tfdcu.data.sources.dataset import open_stream
from tfdcu.data.sources.digits import open_digits
from tfdcu.data.sources.folder import open_folder
from tfdcu.data.sources.npz import open_npz
from tfdcu.data.sources.printed import open_printed
from tfdcu.data.sources.source import Source
from tfdcu.data.sources.source import with_lookup
from tfdcu.data.sources.tfds import open_tfds
from tfdcu.graph.columns import by_name
from tfdcu.graph.columns import row_shape
from tfdcu.graph.images import are_images
from tfdcu.workdir.arguments import LABEL_SHAPE
from tfdcu.workdir.arguments import TEXTS
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments

# The function for each prefix of a source string, and the options of
# `open_source` that it takes.
SOURCES = {
    "digits": (open_digits, ("split", "labeled", "seed")),
    "printed": (open_printed, ("labeled", "seed")),
    "tfds": (open_tfds, ("split", "labeled", "data_dir")),
    "folder": (open_folder, ("labeled",)),
    "npz": (open_npz, ("split", "labeled", "classes", "label_shape")),
}


def open_source(
    source,
    *,
    split=None,
    labeled=True,
    image_shape=None,
    value_range=(0.0, 1.0),
    data_dir=None,
    classes=None,
    label_shape=None,
    seed=0,
):
    """Opens images by name, from files, arrays or a dataset.

    Every function of the library that takes images calls it, so all of them
    accept source strings, arrays and datasets. Images are converted to
    `image_shape` and `value_range` as in `tfdcu.data.sources.pixels.convert`:
    resized to cover the target size with the aspect ratio preserved, then
    cropped at the center; channels are repeated or averaged, alpha is blended
    with white.

    Other inputs than images (signals, token ids, feature vectors) are read
    from arrays, `.npz` files and datasets: with their shape as `image_shape`,
    such as `(time, channels)`, their values are taken as they are, as float32,
    and integers as int32.

    Args:
        source: One of
            `"digits"`: scikit-learn's 8x8 scans, split train, test or all;
            `"printed"` or `"printed:<num>"`: printed characters, 8x8, drawn
            from `seed`, never labeled;
            `"tfds:<name>[/<config>]"` with `split` and `data_dir`;
            `"folder:<path>"`: JPEG, PNG, BMP, GIF, WebP; if labeled, one
            subfolder per class;
            `"npz:<path>"`: keys images/labels, x/y, x_train/y_train, ...;
            a path alone: a folder or an .npz file that exists;
            an array of images, or a tuple (images, labels);
            a finite `tf.data.Dataset` of images or (image, label), batched or
            not; that of `keras.utils.image_dataset_from_directory` keeps its
            class names;
            a `Source`, which is returned unchanged.
        split: Split of a source that has splits: `"digits"`, `"tfds:..."`,
            `"npz:..."`. Default: the source's default.
        labeled: Whether labels are required; if False, labels are dropped.
        image_shape: (height, width, channels). `None` keeps the shape. Of
            other inputs than images the shape of one, without the batch.
        value_range: (low, high) of the pixels. Float images must be within it.
        data_dir: Where TFDS finds prepared data sets.
        classes: The teacher's class names. A source with class names must have
            the same ones, in any order: its labels are renumbered. The labels
            of other sources must be below `len(classes)`.
        label_shape: What labels an image has, in arrays, `.npz` files and
            datasets: `()`, the index of its class; `(labels,)`, 0 or 1 for
            each of several labels; or `(height, width)`, a map of classes.
            For several outputs a dict of these by name: labels are then a dict
            of arrays. Default `None`: what a `Source` has, else `()`.
        seed: Seed of all random draws.

    Returns:
        A `Source`.

    Raises:
        ValueError: If the source is unknown or empty, its images or labels are
            invalid, or it has no labels or no such split.

    Example:

    ```python
    few = tfdcu.data.open_source("digits", split="train")
    pool = tfdcu.data.open_source(
        "folder:photos", labeled=False, image_shape=(32, 32, 3)
    )
    for image in pool.dataset.take(3):
        print(image.shape)
    ```
    """
    check_arguments(
        ("split", "data_dir"),
        labeled=labeled,
        split=split,
        data_dir=data_dir,
        seed=seed,
    )
    check("label_shape", label_shape, LABEL_SHAPE, optional=True)
    # An empty string on the command line means no split.
    split = split or None
    if image_shape is not None:
        image_shape = _shape(image_shape)
    value_range = _range(value_range)
    if image_shape is not None and not are_images(image_shape):
        value_range = _no_range(value_range, image_shape)
        _check_has_no_images(source, image_shape)
    classes = names_of(classes)
    if isinstance(source, Source):
        _check_split(split, source.name)
        opened = _check_source(source, labeled, image_shape)
        _check_label_shape(opened, label_shape)
    else:
        opened = _open(
            source,
            labeled=labeled,
            image_shape=image_shape,
            value_range=value_range,
            options={
                "split": split,
                "labeled": labeled,
                "data_dir": data_dir,
                "classes": classes,
                "label_shape": label_shape or (),
                "seed": seed,
            },
        )
        _check_label_shape(opened, label_shape)
    return match_classes(opened, classes) if opened.labeled else opened


def names_of(classes):
    """The teacher's class names as a tuple, or `None`."""
    if isinstance(classes, (str, bytes, dict)):
        raise ValueError(
            "Invalid value for `classes`. Expected: a list of names, such as "
            f"['cat', 'dog']. Received: classes={classes!r}."
        )
    if classes is None:
        return None
    names = tuple(classes) if hasattr(classes, "__iter__") else ()
    if not names or len(set(map(str, names))) < len(names):
        raise ValueError(
            "Invalid value for `classes`. Expected: names, each once. "
            f"Received: {classes!r}."
        )
    return names


def match_classes(source, classes):
    """Renumbers labels to the order of the teacher's classes.

    Args:
        source: A labeled `Source`.
        classes: The teacher's class names; `None` checks nothing.

    Returns:
        A `Source` with these `classes`.

    Raises:
        ValueError: If the source has other class names.
    """
    if classes is None or source.classes == tuple(classes):
        return source
    if source.classes is None:
        return dataclasses.replace(source, classes=tuple(classes))
    extra = sorted(set(source.classes) - set(classes))
    if extra:
        raise ValueError(
            f"The classes of {source.name} are not the teacher's. Expected: "
            f"some of {list(classes)}. Received: {list(source.classes)}: "
            f"unknown {extra}."
        )
    order = tf.constant([classes.index(name) for name in source.classes])
    return relabel(
        source,
        lambda label: tf.gather(order, label),
        classes=tuple(classes),
    )


def relabel(source, function, **changes):
    """Applies a pure function to the labels of a source."""

    def relabeled(item, label):
        return item, function(label)

    if source.lookup is not None:
        return with_lookup(
            source, lambda index: relabeled(*source.lookup(index)), **changes
        )
    return dataclasses.replace(
        source, records=source.records.map(relabeled), **changes
    )


def _open(source, *, labeled, image_shape, value_range, options):
    common = {"image_shape": image_shape, "value_range": value_range}
    if isinstance(source, (str, os.PathLike)):
        source = with_kind(os.fspath(source))
        kind = source.split(":")[0]
        function, names = SOURCES[kind]
        if "split" not in names:
            _check_split(options["split"], source)
        wanted = {name: options[name] for name in names}
        return function(source, **common, **wanted)
    _check_split(options["split"], "arrays or datasets")
    if isinstance(source, tf.data.Dataset):
        return open_stream(
            "the dataset",
            source,
            labeled=labeled,
            label_shape=options["label_shape"],
            **common,
        )
    images, labels = source, None
    if isinstance(source, (tuple, list)) and len(source) == 2:
        images, labels = source
    if isinstance(images, list) and value_range is None:
        images = np.asarray(images)
    if labeled and labels is None or not hasattr(images, "shape"):
        raise ValueError(
            f"These are not {'labeled ' if labeled else ''}images. Expected: a "
            f"source string, a tf.data.Dataset, an array of images"
            f"{', as (images, labels)' if labeled else ''}. Received: "
            f"{type(source).__name__}."
        )
    return open_arrays(
        "the arrays",
        np.asarray(images),
        labels if labeled else None,
        classes=options["classes"],
        label_shape=options["label_shape"],
        **common,
    )


def _check_label_shape(source, label_shape):
    """Raises if the labels of a source are of another kind."""
    if label_shape is None or not source.labeled:
        return
    given = source.outputs, tuple(source.label_shape)
    if given != (by_name(label_shape), row_shape(label_shape)):
        raise ValueError(
            f"The labels of {source.name} do not fit. Expected: "
            f"{expected_labels(label_shape)}. Received: labels of shape "
            f"{tuple(source.label_shape)} for each image."
        )


def with_kind(source):
    """A source string that begins with its kind, also for a path alone."""
    # A name that cannot be written would not be found.
    os.fsencode(source)
    if source.split(":")[0] in SOURCES:
        return source
    path = Path(source)
    if path.is_dir():
        return f"folder:{source}"
    if path.suffix == ".npz" and path.is_file():
        return f"npz:{source}"
    raise ValueError(
        "Unknown source of images. Expected: a folder or an .npz file that "
        f"exists, a string that begins with one of {sorted(SOURCES)}, such as "
        f"'folder:photos', arrays or a tf.data.Dataset. Received: {source!r}."
    )


def _check_split(split, name):
    if split is not None:
        raise ValueError(
            f"There are no splits of {name}. Expected: split=None, or a source "
            "with only that split, such as 'folder:photos/test'. "
            f"Received: split={split!r}."
        )


def _check_source(source, labeled, image_shape):
    if labeled and not source.labeled:
        raise ValueError(
            f"{source.name} has no labels. Expected: a labeled source. "
            f"Received: a source opened with labeled=False."
        )
    if image_shape not in (None, source.image_shape):
        raise ValueError(
            f"{source.name} was opened at another size. Expected: images of "
            f"shape {image_shape}. Received: {source.image_shape}."
        )
    return source if labeled else source.without_labels()


def _no_range(value_range, image_shape):
    """`None`, for inputs that are no images; raises for a range of pixels."""
    if value_range != (0.0, 1.0):
        raise ValueError(
            "Inputs that are no images have no pixels: their values are taken "
            "as they are. Expected: no `value_range`. Received: "
            f"value_range={value_range} for inputs of shape {image_shape}."
        )


def _check_has_no_images(source, image_shape):
    """Raises if a source holds images but the network takes something else."""
    named = isinstance(source, (str, os.PathLike))
    source = with_kind(os.fspath(source)) if named else source
    if named and not source.startswith("npz:"):
        raise ValueError(
            "Images do not fit a network of other inputs. Expected: arrays, "
            "such as (x, y), an .npz file or a tf.data.Dataset with inputs of "
            f"shape {image_shape}; for images a value for `image_shape` of "
            "(height, width, channels), with 1 to 4 channels. Received: "
            f"image_shape={image_shape} with {source!r}."
        )


def _shape(image_shape):
    try:
        shape = tuple(int(size) for size in image_shape)
        whole = all(float(size) == int(size) for size in image_shape)
        if isinstance(image_shape, TEXTS) or not whole:
            shape = ()
    except (TypeError, ValueError, OverflowError):
        shape = ()
    if not shape or min(shape) < 1:
        raise ValueError(
            f"Invalid value for `image_shape`. Expected: (height, width, "
            f"channels), or the shape of another input. Received: "
            f"{image_shape}."
        )
    return shape


def _range(value_range):
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"Invalid value for `value_range`. Expected: (low, high) with "
            f"low < high. Received: {value_range}."
        )
    return low, high
