"""Take a limited number of images from an array or a dataset."""

import numpy as np

from tfdcu.graph.images import are_images
from tfdcu.graph.images import images_for
from tfdcu.graph.pixels import check_pixels


def as_fit_takes(model, images, num):
    """Images in any form that `fit` takes, as `take_images` takes them.

    Args:
        model: The `keras.Model` that takes them.
        images: See `tfdcu.graph.images.images_for`, or `None`.
        num: How many are wanted: of what is read batch by batch, no more than
            the batches that hold them are.

    Returns:
        An array or a `tf.data.Dataset`, or `None`.

    Raises:
        ValueError: If they do not fit the model.
    """
    spec = getattr(images, "element_spec", None)
    if images is None or hasattr(images, "shape"):
        return images
    if spec is not None and not isinstance(spec, dict):
        return images
    return images_for(model, images, limit=num)


def take_images(images, num, shape, value_range=(0.0, 1.0), dtype="float32"):
    """Takes at most `num` images as one array and checks them.

    Args:
        images: An array `(n, height, width, channels)`, of which `num` evenly
            spaced images are taken; or a `tf.data.Dataset` of images, of image
            batches, or of tuples that begin with one, of which the first `num`
            images are taken, so shuffle it if it is sorted. At most one batch
            more than `num` is in memory.
        num: Largest number of images.
        shape: Expected `(height, width, channels)`, or that of other inputs.
        value_range: `(low, high)` of the pixels. Values outside by more than a
            tenth of the range are an error; smaller deviations are allowed,
            since cubic interpolation causes them. Of other inputs than images
            any value is taken.
        dtype: That of the result. Defaults to `"float32"`.

    Returns:
        Images `(at most num, height, width, channels)`.

    Raises:
        ValueError: If there are no images, or an image has a wrong type, shape
            or value range, or values that are not finite.

    Example:

    ```python
    sample = take_images(pool.shuffle(10_000), 256, (32, 32, 3))
    ```
    """
    import tensorflow as tf

    shape = tuple(shape)
    if isinstance(images, tf.data.Dataset):
        taken = _from_dataset(images, num, shape, dtype)
    elif hasattr(images, "shape"):
        taken = _from_array(images, num, shape, dtype)
    else:
        raise ValueError(
            "Invalid type of images. Expected: an array (n, height, width, "
            "channels) or a tf.data.Dataset. Received: "
            f"{type(images).__name__}"
        )
    if not len(taken):
        raise ValueError(
            f"There are no images. Expected: at least one of shape {shape}. "
            "Received: an empty array or dataset"
        )
    check_pixels(taken, value_range if are_images(shape) else None)
    return taken


def _from_array(images, num, shape, dtype):
    if tuple(images.shape[1:]) != shape:
        raise _wrong_shape(shape, tuple(images.shape))
    count = len(images)
    index = np.linspace(0, count - 1, min(num, count)).astype(int)
    if not isinstance(images, np.ndarray):
        images = np.asarray(images)
    return np.asarray(images[index], dtype=dtype)


def _from_dataset(images, num, shape, dtype):
    taken, count = [], 0
    for element in images:
        while isinstance(element, (tuple, list)):
            element = element[0]
        batch = np.asarray(element, dtype=dtype)
        if batch.ndim == len(shape):
            batch = batch[None]
        if batch.shape[1:] != shape:
            raise _wrong_shape(shape, batch.shape)
        taken.append(batch[: num - count])
        count += len(taken[-1])
        if count >= num:
            break
    return np.concatenate(taken) if taken else np.empty((0, *shape))


def _wrong_shape(shape, received):
    return ValueError(
        f"The {'images' if are_images(shape) else 'inputs'} do not fit the "
        "model. Expected: shape "
        f"{'(n, height, width, channels) = ' if are_images(shape) else ''}"
        f"(n, {', '.join(map(str, shape))}). Received: {received}"
    )
