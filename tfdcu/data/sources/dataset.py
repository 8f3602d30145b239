"""Sources from a `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from tfdcu.data.sources import pixels
from tfdcu.data.sources.arrays import check_outputs
from tfdcu.data.sources.arrays import expected_labels
from tfdcu.data.sources.source import Source
from tfdcu.graph import columns

# Number of images that are checked when a dataset is opened.
_NUM_LOOKED_AT = 64


def open_stream(
    name, dataset, *, labeled, image_shape, value_range, label_shape=()
):
    """Opens a finite dataset, batched or not, as a source.

    Images of rank 4 are batches, of rank 3 single images; other inputs, whose
    `value_range` is `None`, are single if their rank is that of `image_shape`.
    The first 64 are read and checked here, and all of the dataset is read once
    if its cardinality is unknown. The others are checked for NaN and infinity
    when they are read.

    Args:
        name: Name for messages.
        dataset: Elements `image`, `(image, label)` or `(image, label,
            weight)`; weights are dropped. Its `class_names`, if it has any,
            are the classes.
        labeled: Whether labels are read.
        image_shape: (height, width, channels); `None` keeps the shape of the
            dataset, if it is fixed.
        value_range: (low, high) of the decoded pixels.
        label_shape: As in `open_source`.

    Returns:
        A `Source` that streams; `fixed_order` is False if its first images
        differ when read twice.

    Raises:
        ValueError: If it is empty or infinite, its elements are not images,
            or labels are missing.
    """
    spec = dataset.element_spec
    # As `keras.utils.image_dataset_from_directory` leaves them; lost by `map`.
    classes = getattr(dataset, "class_names", None)
    parts = spec if isinstance(spec, tuple) else (spec,)
    image_spec = parts[0]
    rank = getattr(getattr(image_spec, "shape", None), "rank", None)
    single = 3 if value_range is not None else len(image_shape)
    fits = rank in (single, single + 1)
    own_shape = image_spec.shape[-single:] if fits else None
    if value_range is None:
        fits = fits and own_shape.is_compatible_with(image_shape)
    if not fits or (labeled and len(parts) < 2):
        wanted = "images (height, width, channels)"
        if value_range is None:
            wanted = f"inputs of shape {image_shape}"
        raise ValueError(
            f"Invalid elements of {name}. Expected: "
            f"{'(image, label)' if labeled else 'image or (image, ...)'} with "
            f"{wanted}, or batches of them. Received: elements {spec}."
        )
    if labeled:
        _check_label(name, parts[1], rank - single, label_shape)
    several = isinstance(label_shape, dict)
    place = f"dataset:{id(dataset)}"
    if rank == single + 1:
        dataset = dataset.unbatch()
    num_images = _count(name, dataset)
    if image_shape is None and not own_shape.is_fully_defined():
        raise ValueError(
            f"The images of {name} have no fixed size. Expected: an "
            f"`image_shape` to convert them to. Received: None for images of "
            f"shape {own_shape}."
        )
    image_shape = tuple(image_shape or own_shape)

    def record(*element):
        image = element[0]
        if image.dtype.is_floating:
            image = tf.debugging.check_numerics(image, f"pixels of {name}")
        image = pixels.convert(image, image_shape, value_range)
        if not labeled:
            return image
        label = element[1]
        if several:
            label = columns.pack_one(
                {n: tf.cast(x, tf.float32) for n, x in label.items()},
                label_shape,
            )
        else:
            label = tf.reshape(label, label_shape)
        if label.dtype.is_floating:
            is_integer = tf.debugging.Assert(
                tf.reduce_all(tf.equal(label, tf.round(label))),
                [f"A label of {name} is not a whole number", label],
            )
            with tf.control_dependencies([is_integer]):
                label = tf.identity(label)
        return image, tf.cast(label, tf.int32)

    fixed_order = _check_first(name, dataset, value_range)
    return Source(
        name=name,
        num_images=num_images,
        image_shape=image_shape,
        value_range=value_range and tuple(value_range),
        dtype=pixels.dtype_of(image_spec.dtype.as_numpy_dtype, value_range),
        labeled=labeled,
        label_shape=columns.row_shape(label_shape) if labeled else (),
        outputs=columns.by_name(label_shape) if labeled else None,
        classes=tuple(classes) if labeled and classes else None,
        records=dataset.map(record, num_parallel_calls=tf.data.AUTOTUNE),
        # `record` converts images, since shuffling needs equal shapes.
        decode=lambda image, shape: pixels.convert(image, shape, value_range),
        decodes_batches=True,
        record_bytes=4 * int(np.prod(image_shape)),
        fixed_order=fixed_order,
        lasting=False,
        spans=((place, 0, num_images),),
    )


def _check_label(name, spec, num_batch_axes, label_shape):
    """Raises unless each image has labels of that shape."""
    if isinstance(label_shape, dict):
        check_outputs(name, spec, label_shape)
        for output, one in label_shape.items():
            part = f"{name} for {output!r}"
            _check_label(part, spec[output], num_batch_axes, one)
        return
    shape = getattr(spec, "shape", tf.TensorShape(None))
    dtype = getattr(spec, "dtype", tf.variant)
    is_number = dtype.is_integer or dtype.is_floating or dtype.is_bool
    fits = shape.rank is None or any(
        shape[num_batch_axes:].is_compatible_with(one)
        for one in (label_shape, (*label_shape, 1))
    )
    if not (is_number and fits):
        raise ValueError(
            f"The labels of {name} do not fit its images. Expected: "
            f"{expected_labels(label_shape)}. Received: {spec}."
        )


def _count(name, dataset):
    num_images = int(dataset.cardinality())
    if num_images == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"{name} is infinite. Expected: a finite dataset without `repeat`; "
            f"batches are repeated as needed. Received: infinite cardinality."
        )
    if num_images == tf.data.UNKNOWN_CARDINALITY:
        num_images = int(dataset.reduce(np.int64(0), lambda n, *_: n + 1))
    if num_images == 0:
        raise ValueError(
            f"{name} is empty. Expected: at least one image. Received: 0."
        )
    return num_images


def _check_first(name, dataset, value_range):
    readings = []
    for _ in range(2):
        images = []
        for element in dataset.take(_NUM_LOOKED_AT).as_numpy_iterator():
            images.append(element[0] if isinstance(element, tuple) else element)
        readings.append(images)
    for image in readings[0]:
        pixels.check_values(image[None], value_range, f"The images of {name}")
    return all(
        np.array_equal(first, second)
        for first, second in zip(*readings, strict=True)
    )
