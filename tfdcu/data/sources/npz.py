"""Sources from `.npz` files."""

import dataclasses
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdcu.data.sources import arrays
from tfdcu.data.sources import pixels
from tfdcu.data.sources import source as source_lib
from tfdcu.data.sources.source import Source

IMAGE_KEYS = ("images", "image", "x", "arr_0")
LABEL_KEYS = ("labels", "label", "y", "arr_1")
# Larger arrays that are compressed more than this are not images.
MAX_RATIO = 100
# Pixel types that `tf.io.decode_raw` supports.
_DECODED = (
    *("uint8", "uint16", "int8", "int16", "int32", "int64", "bool"),
    *("float16", "float32", "float64"),
)


def open_npz(
    name,
    *,
    split,
    labeled,
    image_shape,
    value_range,
    classes,
    label_shape=(),
):
    """Reads images, and optionally labels, from a NumPy archive.

    The key of the images is one of `images`, `image`, `x`, `arr_0`, that of
    the labels one of `labels`, `label`, `y`, `arr_1`; with a split, `x_train`,
    `train_x`, `train_images` and so on. Nothing is unpickled or extracted to
    disk. Uncompressed images (`np.savez`) of more than `source.MEMORY_LIMIT`
    bytes are streamed from the file, others are loaded into memory.

    Args:
        name: `"npz:<path>"`.
        split: Part of the keys, such as `"train"`, or `None`.
        labeled: Whether labels are read.
        image_shape: (height, width, channels); `None` keeps the shape.
        value_range: (low, high) of the decoded pixels.
        classes: Class names, or `None`.
        label_shape: As in `open_source`.

    Returns:
        A `Source`.

    Raises:
        ValueError: If the file is missing or not an archive, a key is missing,
            an array holds pickled objects or is not images or labels.
    """
    path = Path(name.removeprefix("npz:")).expanduser()
    try:
        if path.is_file() and not zipfile.is_zipfile(path):
            raise ValueError("not a zip archive")
        archive = np.load(path, allow_pickle=False)
        keys = archive.files
    # np.load returns a bare array, without `files`, for an .npy file. Zip,
    # tokenizer and NumPy raise errors of many types for damaged files.
    except Exception as error:
        raise ValueError(
            f"The file cannot be read. Expected: an .npz archive written by "
            f"np.savez. Received: {name!r} ({error})."
        ) from error
    with archive:
        image_key = _find(name, keys, IMAGE_KEYS, split)
        label_key = _find(name, keys, LABEL_KEYS, split) if labeled else None
        for key in (image_key, label_key) if labeled else (image_key,):
            _check_size(name, path, key)
        labels = _read(name, archive, label_key) if labeled else None
        mapped = _map(path, image_key)
        images = _read(name, archive, image_key) if mapped is None else mapped
    shape = images.shape
    if value_range is not None:
        shape += (1,) * (images.ndim == 3)
    arrays.check_shape(name, shape, value_range, image_shape)
    spans = ((f"npz:{path.resolve()}:{image_key}", 0, len(images)),)
    if mapped is None:
        return arrays.open_arrays(
            name,
            images,
            labels,
            image_shape=image_shape,
            value_range=value_range,
            classes=classes,
            label_shape=label_shape,
            spans=spans,
        )
    if labels is not None:
        labels = arrays.check_labels(
            name, labels, len(images), classes, label_shape
        )
    pixels.check_values(images, value_range, f"The images of {name}")
    streamed = _stream(
        name, path, images, shape[1:], labels, image_shape, value_range
    )
    return dataclasses.replace(streamed, classes=classes, spans=spans)


def _find(name, keys, known_keys, split):
    wanted = known_keys
    if split is not None:
        wanted = [f"{key}_{split}" for key in known_keys]
        wanted += [f"{split}_{key}" for key in known_keys]
    for key in wanted:
        if key in keys:
            return key
    raise ValueError(
        f"{name} has no such array. Expected: one of the keys {list(wanted)}; "
        f"`split` chooses among keys such as 'x_train'. Received: keys "
        f"{sorted(keys)}."
    )


def _read(name, archive, key):
    try:
        return archive[key]
    except Exception as error:
        raise ValueError(
            f"Array {key!r} of {name} cannot be read. Expected: plain numbers; "
            f"pickled objects are refused. Received: {error}"
        ) from error


def _header(path, key):
    """An array's zip member, shape, order, dtype and bytes before its data."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        # NumPy accepts members with and without the suffix.
        name = f"{key}.npy" if f"{key}.npy" in names else key
        member = archive.getinfo(name)
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            return member, *read_header(file), file.tell()


def _check_size(name, path, key):
    """Raises before an array is read that the file cannot hold."""
    try:
        member, shape, _, dtype, before = _header(path, key)
    except Exception as error:
        raise ValueError(
            f"Array {key!r} of {name} cannot be read. Expected: an array as "
            f"np.savez writes it. Received: {error}"
        ) from error
    size = before + dtype.itemsize * math.prod(shape)
    held = member.file_size, member.compress_size
    plain = dtype.hasobject or size == held[0]
    if not plain or held[1] > path.stat().st_size:
        raise ValueError(
            f"Array {key!r} of {name} does not hold what its header says. "
            f"Expected: {size:,} bytes of shape {shape}. Received: {held[0]:,}"
        )
    if size > max(source_lib.MEMORY_LIMIT, MAX_RATIO * held[1]):
        raise ValueError(
            f"Array {key!r} of {name} unpacks to more than {MAX_RATIO} times "
            "its size. Expected: images; np.savez writes them uncompressed, "
            "and these are streamed from the file. Received: "
            f"{held[1]:,} bytes for {size:,}"
        )


def _map(path, key):
    """A memory map of a large uncompressed array, else `None`."""
    member, shape, fortran_order, dtype, header_bytes = _header(path, key)
    if (
        member.compress_type != zipfile.ZIP_STORED
        or member.file_size <= source_lib.MEMORY_LIMIT
    ):
        return None
    if fortran_order or dtype.byteorder == ">" or dtype not in _DECODED:
        return None
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        local = file.read(30)
    # The local header repeats the name; its extra field may differ.
    start = member.header_offset + 30 + header_bytes
    start += int.from_bytes(local[26:28], "little")
    start += int.from_bytes(local[28:30], "little")
    return np.memmap(path, dtype, "r", start, shape)


def _stream(name, path, images, shape, labels, image_shape, value_range):
    per_image = images.dtype.itemsize * int(np.prod(shape))
    end = images.offset + images.nbytes
    encoded = tf.data.FixedLengthRecordDataset(
        str(path),
        per_image,
        header_bytes=images.offset,
        footer_bytes=os.path.getsize(path) - end,
    )
    records = encoded
    if labels is not None:
        records = tf.data.Dataset.zip(
            encoded, tf.data.Dataset.from_tensor_slices(labels)
        )

    def decode(item, image_shape):
        flat = tf.io.decode_raw(item, tf.as_dtype(images.dtype))
        image = tf.reshape(flat, shape)
        return pixels.convert(image, image_shape, value_range)

    return Source(
        name=name,
        num_images=len(images),
        image_shape=tuple(image_shape or shape),
        value_range=value_range and tuple(value_range),
        dtype=pixels.dtype_of(images.dtype, value_range),
        labeled=labels is not None,
        label_shape=() if labels is None else labels.shape[1:],
        records=records,
        decode=decode,
        record_bytes=per_image,
    )
