"""Sources from a user's own `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from tfdcu.data.sources import pixels
from tfdcu.data.sources.source import Source

# How many images are looked at before anything starts.
_NUM_LOOKED_AT = 64


def open_stream(name, dataset, *, labeled, image_shape, value_range):
    """Takes a finite dataset, batched or not, as a source.

    Whether it is batched is read off the rank of its images: 4 is a batch, 3
    an image. Its first 64 images are read up front to check them, and all of
    it is read once if it does not know how many images it has. Later images
    are checked for NaN and infinity as they are read.

    Args:
        name: What messages call it.
        dataset: Elements `image` or `(image, label)`; also `(image, label,
            weight)`, the weight of which is dropped.
        labeled: Whether labels are wanted.
        image_shape: Wanted (height, width, channels); `None` keeps the
            dataset's own, if it is fixed.
        value_range: (low, high) of the decoded pixels.

    Returns:
        A `Source` that streams; `fixed_order` is False if two readings of its
        beginning differ.

    Raises:
        ValueError: If it is empty or says that it is endless, its elements are
            no images, or labels are wanted and missing.
    """
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    image_spec = parts[0]
    rank = getattr(getattr(image_spec, "shape", None), "rank", None)
    if rank not in (3, 4) or (labeled and len(parts) < 2):
        raise ValueError(
            f"The elements of {name} do not fit. Expected "
            f"{'(image, label)' if labeled else 'image or (image, ...)'} with "
            f"images (height, width, channels), or batches of them. Received "
            f"elements {spec}."
        )
    if labeled:
        _check_label(name, parts[1], rank - 3)
    place = f"dataset:{id(dataset)}"
    if rank == 4:
        dataset = dataset.unbatch()
    num_images = _count(name, dataset)
    own_shape = image_spec.shape[-3:]
    if image_shape is None and not own_shape.is_fully_defined():
        raise ValueError(
            f"The images of {name} have no fixed size. Expected an "
            f"`image_shape` to convert them to. Received None for images of "
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
        label = tf.reshape(element[1], ())
        if label.dtype.is_floating:
            whole = tf.debugging.Assert(
                tf.equal(label, tf.round(label)),
                [f"A label of {name} is no whole number", label],
            )
            with tf.control_dependencies([whole]):
                label = tf.identity(label)
        return image, tf.cast(label, tf.int32)

    fixed_order = _check_first(name, dataset, value_range)
    return Source(
        name=name,
        num_images=num_images,
        image_shape=image_shape,
        value_range=tuple(value_range),
        labeled=labeled,
        records=dataset.map(record, num_parallel_calls=tf.data.AUTOTUNE),
        # Images are converted already: a shuffle needs them of one shape.
        decode=lambda image: image,
        decodes_batches=True,
        record_bytes=4 * int(np.prod(image_shape)),
        fixed_order=fixed_order,
        lasting=False,
        spans=((place, 0, num_images),),
    )


def _check_label(name, spec, num_batch_axes):
    """Raises unless each image has one number."""
    shape = getattr(spec, "shape", tf.TensorShape(None))
    dtype = getattr(spec, "dtype", tf.variant)
    number = dtype.is_integer or dtype.is_floating or dtype.is_bool
    one = shape.rank is None or shape[num_batch_axes:] in ([], [1])
    if not (number and one):
        raise ValueError(
            f"The labels of {name} do not fit its images. Expected one class "
            "index per image; take argmax of one-hot labels first, e.g. "
            f"dataset.map(lambda x, y: (x, tf.argmax(y, -1))). Received "
            f"{spec}."
        )


def _count(name, dataset):
    num_images = int(dataset.cardinality())
    if num_images == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"{name} never ends. Expected a finite dataset (no `repeat`); the "
            f"batches repeat what is needed. Received infinite cardinality."
        )
    if num_images == tf.data.UNKNOWN_CARDINALITY:
        num_images = int(dataset.reduce(np.int64(0), lambda n, *_: n + 1))
    if num_images == 0:
        raise ValueError(
            f"{name} is empty. Expected at least one image. Received 0."
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
