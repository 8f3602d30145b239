"""What `fit` takes, `images` takes: one form for all of it, checked."""

import keras
import numpy as np
import tensorflow as tf
from keras import tree

_BATCH = 32


def are_images(shape):
    """Whether a network's inputs are images: the one place that decides.

    All else (signals, token ids, feature vectors, stacks of many channels)
    has no pixels: values are taken as they are, and `value_range` is `None`.

    Args:
        shape: Shape of one input; sizes may be `None`.

    Returns:
        A bool: whether it is (height, width, channels) of 1 to 4 channels.
    """
    return len(shape) == 3 and shape[-1] in (1, 2, 3, 4)


def check_whole_numbers(dtype, value_range, name="value_range"):
    """Raise if pixels up to 1 would all become 0 in an input of integers.

    Args:
        dtype: Name of the element type of a model's input.
        value_range: (low, high) of the pixels, or `None`.
        name: What the range is called in the message.
    """
    low, high = value_range or (0.0, 255.0)
    if "int" in dtype and high - low <= 1:
        raise ValueError(
            "The model takes whole numbers as pixels. Expected: "
            f"{name}=(0, 255). Received: an input of {dtype!r} and "
            f"{name}=({low}, {high})"
        )


def images_for(model, images, *, needed=False, limit=4096):
    """Brings unlabeled images into a form that can be read again and again.

    What it returned once, it takes and leaves as it is.

    Args:
        model: The `keras.Model` that takes them.
        images: An array of images; for several inputs a list, tuple or dict
            of arrays; a list of single images; a `tf.data.Dataset` or
            `keras.utils.PyDataset` of batches or of single images, with
            labels or without; a generator of these.
        needed: Whether `None` is refused. Default `False`.
        limit: How many images are read, a batch more at most, of what can be
            read only once. Default 4096.

    Returns:
        An array, a list of arrays (one for each input, in the order of
        `model.inputs`), or a `tf.data.Dataset` of batches of these; `None` of
        `None`.

    Raises:
        ValueError: If they do not fit the inputs of the model, there are
            none, or values are not finite.
    """
    if images is None and not needed:
        return None
    fixed = [tuple(t.shape) for t in model.inputs if t.shape[0] is not None]
    if fixed:
        raise ValueError(
            "The model takes a fixed number of images at once. Expected: an "
            "`Input` without `batch_size`, or no `images`. "
            f"Received: inputs of shape {fixed} in model {model.name!r}."
        )
    if isinstance(images, tf.data.Dataset):
        return _dataset(model, images)
    if isinstance(images, keras.utils.PyDataset):
        batches = (images[index] for index in range(len(images)))
        return _collected(model, batches, limit)
    if isinstance(images, (str, bytes)):
        raise _wrong(model, repr(images[:100]))
    if hasattr(images, "shape") or isinstance(images, dict):
        return _arrays(model, images)
    if isinstance(images, (list, tuple)):
        several = len(model.inputs) > 1 and len(images) == len(model.inputs)
        first = np.ndim(images[0]) if len(images) else 0
        one = len(model.inputs) == 1
        if one and first == len(model.inputs[0].shape) - 1:
            return _arrays(model, np.stack([np.asarray(x) for x in images]))
        if several or (one and len(images) == 1):
            return _arrays(model, list(images))
        raise _wrong(model, f"a {type(images).__name__} of {len(images)}")
    if hasattr(images, "__iter__"):
        return _collected(model, images, limit)
    raise _wrong(model, f"an object of type {type(images).__name__}")


def _arrays(model, images):
    """One array, or a list of one for each input, checked."""
    arrays = [np.asarray(x) for x in _inputs_of(model, images)]
    for array, tensor in zip(arrays, model.inputs):
        if not _fits(array.shape, tensor.shape):
            raise _wrong(model, f"shape {array.shape}")
        if array.dtype.kind != "f":
            continue
        if not np.isfinite(array).all():
            raise ValueError(
                "The images have values that are not finite. Expected: "
                "finite pixels. Received: "
                f"{np.count_nonzero(~np.isfinite(array))} NaN or infinite "
                "values."
            )
        _check_not_all_zero(array, tensor.dtype)
    if not len(arrays[0]):
        raise _wrong(model, "no images")
    return arrays[0] if len(arrays) == 1 else arrays


def _check_not_all_zero(array, dtype):
    """Raise if fractions up to 1 would all become 0 in an input of integers."""
    if "int" in dtype and array.size and array.max() <= 1:
        if (array % 1).any():
            raise ValueError(
                "The model takes whole numbers: these images would be "
                "all 0. Expected: pixels up to 255. Received: values up "
                f"to {array.max():.6g} for an input of {dtype!r}"
            )


def _inputs_of(model, images):
    """The parts of a structure in the order of the model's inputs."""
    if isinstance(images, dict):
        names = _names(model)
        if len(names) == 1 and names[0] not in images:
            # Data sets call it so, whatever the model's input is named.
            found = [images[k] for k in ("image", "images") if k in images]
            if found:
                return found[:1]
        if not set(names) <= set(images):
            raise _wrong(model, f"a dict with {sorted(images)}")
        return [images[name] for name in names]
    parts = list(images) if isinstance(images, (list, tuple)) else [images]
    if len(parts) != len(model.inputs):
        raise _wrong(model, f"{len(parts)} arrays")
    return parts


def _names(model):
    """Names of the inputs: keys of a dict, else names of input layers."""
    given = model.input
    if isinstance(given, dict):
        return sorted(given)
    return [tensor.name for tensor in tree.flatten(given)]


def _fits(shape, wanted):
    """Whether a batch of this shape goes into an input."""
    same = len(shape) == len(wanted)
    return same and all(
        size is None or size == given
        for size, given in zip(wanted[1:], shape[1:])
    )


def _without_labels(model, element):
    """The images of an element of a dataset: `(images, labels)` or images."""
    if not isinstance(element, (tuple, list)):
        return element
    # A tuple of as many parts as inputs may be these, or images and labels.
    if len(model.inputs) > 1 and len(element) == len(model.inputs):
        shapes = [getattr(part, "shape", None) for part in element]
        ranks = [len(tensor.shape) for tensor in model.inputs]
        if all(
            shape is not None and len(shape) in (rank, rank - 1)
            for shape, rank in zip(shapes, ranks)
        ):
            return element
    return element[0]


def _dataset(model, dataset):
    several = len(model.inputs) > 1
    if several and isinstance(dataset.element_spec, dict):
        if set(dataset.element_spec) == {"inputs"}:
            return dataset
    spec = _without_labels(model, dataset.element_spec)
    parts = _inputs_of(model, spec)
    if dataset.cardinality() == 0:
        raise _wrong(model, "no images")
    if any(part.shape.rank is None for part in parts):
        raise _wrong(
            model,
            "a dataset of unknown shape, which `tf.ensure_shape` can tell",
        )
    shapes = [tuple(part.shape) for part in parts]
    wanted = [tuple(tensor.shape) for tensor in model.inputs]

    def only_inputs(*element):
        element = element[0] if len(element) == 1 else element
        found = _inputs_of(model, _without_labels(model, element))
        return found[0] if len(found) == 1 else tuple(found)

    as_batches = dataset
    if not isinstance(dataset.element_spec, tf.TensorSpec):
        as_batches = dataset.map(only_inputs)
    if several:
        # A tuple would be taken for images and labels.
        as_batches = as_batches.map(lambda *x: {"inputs": x})
    if all(len(s) == len(w) - 1 for s, w in zip(shapes, wanted)):
        as_batches = as_batches.batch(_BATCH)
        shapes = [(None, *shape) for shape in shapes]
    for shape, size in zip(shapes, wanted):
        known = [x if x is not None else y for x, y in zip(shape, size)]
        if not _fits(known, size) or len(shape) != len(size):
            raise _wrong(model, f"a dataset of shape {shape}")
    for index, (part, tensor) in enumerate(zip(parts, model.inputs)):
        if part.dtype.is_floating and "int" in tensor.dtype:
            # Its first batch tells the range.
            for batch in as_batches.take(1).as_numpy_iterator():
                values = batch if len(parts) == 1 else batch["inputs"][index]
                _check_not_all_zero(values, tensor.dtype)
    return as_batches


def _collected(model, batches, limit):
    """What can be read only once, as arrays."""
    ranks = [len(tensor.shape) for tensor in model.inputs]
    kept, count = [], 0
    for element in batches:
        parts = _inputs_of(model, _without_labels(model, element))
        parts = [np.asarray(part) for part in parts]
        if all(part.ndim == rank - 1 for part, rank in zip(parts, ranks)):
            parts = [part[None] for part in parts]
        kept.append(parts)
        count += len(parts[0])
        if count >= limit:
            break
    if not kept:
        raise _wrong(model, "no images")
    try:
        arrays = [np.concatenate(part) for part in zip(*kept)]
    except ValueError as error:
        raise _wrong(model, "batches of different sizes") from error
    return _arrays(model, arrays if len(arrays) > 1 else arrays[0])


def _wrong(model, received):
    shapes = ", ".join(str(tuple(t.shape)) for t in model.inputs)
    return ValueError(
        "The images do not fit the model. Expected: an array, a "
        "tf.data.Dataset or what else `fit` takes, with batches of shape "
        f"{shapes} (`None` is any size). Received: {received}."
    )
