"""Convert images to float32 of a fixed shape and value range.

Inputs that are no images have the `value_range` `None` and keep their values.
"""

import functools

import numpy as np
import tensorflow as tf

# ITU-R BT.601 luma, as in `tf.image.rgb_to_grayscale`.
_LUMA = (0.2989, 0.5870, 0.1140)


def convert(image, image_shape, value_range=(0.0, 1.0)):
    """Converts an image to float32 of a given shape and value range.

    Every source calls this function, so that labeled images, pool and test set
    are preprocessed alike. The rules:

    - Integers are mapped linearly so that black (0) becomes `value_range[0]`
      and the largest value of the type (255 or 65535; 1 for booleans) becomes
      `value_range[1]`. `int32` and `int64` count as 0 to 255. Floats are taken
      to be in `value_range` already and are not scaled.
    - Grayscale to color repeats the channel; color to grayscale is the luma
      0.2989 R + 0.5870 G + 0.1140 B. An alpha channel (2 or 4 channels,
      converted to 1 or 3) is blended with white.
    - An image of another size is resized (bilinear, antialiased) to cover the
      target height and width with its aspect ratio preserved, then cropped at
      the center.

    Args:
        image: Tensor (height, width, channels) with 1 to 4 channels; each size
            may be unknown while tracing. Or a batch of such images with a
            known number of channels.
        image_shape: Target (height, width, channels); channels is 1 or 3, or
            the number of channels of the image.
        value_range: (low, high) of the result; `None` for other inputs than
            images, whose values and shape are kept.

    Returns:
        Float32 tensor of shape `image_shape`, or a batch of these; of other
        inputs one of `dtype_of`.
    """
    if value_range is None:
        image = tf.cast(image, dtype_of(image.dtype.as_numpy_dtype, None))
        num_axes = len(image.shape) - len(image_shape)
        return tf.ensure_shape(image, (*image.shape[:num_axes], *image_shape))
    height, width, channels = image_shape
    image = _scale(image, value_range)
    image = _with_channels(image, channels, value_range)
    image = _cover(image, height, width)
    return tf.ensure_shape(image, (*image.shape[:-3], *image_shape))


def dtype_of(dtype, value_range):
    """The dtype that values of another one are read in.

    Args:
        dtype: That of an array.
        value_range: See `convert`.

    Returns:
        `"float32"`; `"int32"` for integers that are no pixels.
    """
    whole = value_range is None and np.dtype(dtype).kind in "iu"
    return "int32" if whole else "float32"


def check_values(images, value_range, what="The images"):
    """Raises if pixels are NaN, infinite or out of range.

    Args:
        images: NumPy array or memory map of any shape. Float arrays are
            checked against `value_range`, int32 and int64 against 0 to 255.
        value_range: (low, high), both included; `None` for other inputs than
            images: finite numbers.
        what: Name of the images for messages.

    Raises:
        ValueError: If the type is invalid, or a value is NaN, infinite or out
            of range.
    """
    kind = np.dtype(images.dtype)
    if value_range is None and kind.kind in "biu":
        if kind.itemsize < 4 or not images.size:
            return
        limits = np.iinfo("int32")
        if limits.min <= images.min() and images.max() <= limits.max:
            return
        raise ValueError(
            f"{what} have integers that are too large. Expected: integers of "
            "32 bits, or floats. Received: values from "
            f"{images.min()} to {images.max()}."
        )
    if kind in (np.uint8, np.uint16, np.bool_):
        return
    if kind.kind not in "iuf":
        raise ValueError(
            f"{what} have an invalid dtype. Expected: uint8, uint16, bool, "
            f"float, or integers from 0 to 255. Received: dtype {kind}."
        )
    low, high = value_range or (-np.inf, np.inf)
    if kind.kind != "f":
        low, high = 0, 255
    inside = f" in [{low}, {high}]" if value_range else ""
    slack = 1e-4 * (high - low) if kind.kind == "f" and value_range else 0
    # In pieces, so that a memory-mapped file is not loaded at once.
    per_piece = max(1, 2**24 // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), per_piece):
        piece = np.asarray(images[start : start + per_piece])
        if not np.isfinite(piece).all():
            bad = ~np.isfinite(piece.reshape(len(piece), -1)).all(axis=1)
            raise ValueError(
                f"{what} have pixels that are NaN or infinite. Expected: "
                f"finite values{inside}. Received: such pixels in "
                f"{int(bad.sum())} images, the first at index "
                f"{start + int(bad.argmax())}."
            )
        smallest, largest = piece.min(), piece.max()
        if smallest < low - slack or largest > high + slack:
            raise ValueError(
                f"{what} have pixels out of range. Expected: values in "
                f"[{low}, {high}] (`value_range` for floats, 0 to 255 for "
                f"integers); scale the images, or pass their `value_range`; "
                "if these are no images, pass the `image_shape` that the "
                "network takes. "
                f"Received: values from {smallest} to {largest}."
            )


def orient(image, orientation):
    """Applies an EXIF orientation, 1 to 8; other numbers change nothing."""

    def turned(transpose, axes):
        def branch():
            result = tf.transpose(image, (1, 0, 2)) if transpose else image
            return tf.reverse(result, axes) if axes else result

        return branch

    upright = turned(False, [])
    branches = [
        upright,
        upright,
        turned(False, [1]),
        turned(False, [0, 1]),
        turned(False, [0]),
        turned(True, []),
        turned(True, [1]),
        turned(True, [0, 1]),
        turned(True, [0]),
    ]
    return tf.switch_case(orientation, branches, default=upright)


def _scale(image, value_range):
    if image.dtype.is_floating:
        return tf.cast(image, tf.float32)
    low, high = value_range
    largest = {tf.bool: 1, tf.uint16: 65535}.get(image.dtype, 255)
    return tf.cast(image, tf.float32) * ((high - low) / largest) + low


def _with_channels(image, channels, value_range):
    received = image.shape[-1]
    if received == channels:
        return image
    if channels not in (1, 3):
        raise ValueError(
            "Images can be converted to grayscale or color only. Expected: an "
            f"`image_shape` with 1 or 3 channels, or as many as the images. "
            f"Received: {channels} channels for images with {received}."
        )
    if received is not None:
        return _from_channels(image, received, channels, value_range)

    def branch(count):
        # All branches are traced, so each states the number of channels.
        known = tf.ensure_shape(image, (None, None, count))
        return _from_channels(known, count, channels, value_range)

    branches = [functools.partial(branch, count) for count in (1, 2, 3, 4)]
    return tf.switch_case(tf.shape(image)[-1] - 1, branches)


def _from_channels(image, received, channels, value_range):
    if received in (2, 4) and received != channels:
        low, high = value_range
        # `_scale` scaled alpha too: bring it back to [0, 1].
        color, alpha = image[..., :-1], (image[..., -1:] - low) / (high - low)
        on_white = color * alpha + high * (1 - alpha)
        return _from_channels(on_white, received - 1, channels, value_range)
    if received == 1 and channels == 3:
        return tf.repeat(image, 3, axis=-1)
    if received == 3 and channels == 1:
        return tf.tensordot(image, tf.constant(_LUMA), 1)[..., None]
    return image


def _cover(image, height, width):
    if image.shape[-3:-1] == (height, width):
        return image

    def resized():
        size = tf.cast(tf.shape(image)[-3:-1], tf.float32)
        wanted = tf.constant([height, width], tf.float32)
        cover = tf.round(size * tf.reduce_max(wanted / size))
        cover = tf.cast(tf.maximum(cover, wanted), tf.int32)
        larger = tf.image.resize(image, cover, antialias=True)
        top, left = (cover[0] - height) // 2, (cover[1] - width) // 2
        return larger[..., top : top + height, left : left + width, :]

    if image.shape[-3:-1].is_fully_defined():
        return resized()
    same = tf.reduce_all(tf.equal(tf.shape(image)[-3:-1], [height, width]))
    return tf.cond(same, lambda: image, resized)
