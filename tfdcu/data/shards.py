"""Arrays on disk in shards, each written completely or not at all."""

import functools
import json
import re

import numpy as np
import tensorflow as tf

from tfdcu.data.sources import source as source_lib
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.full_disk import save_array
from tfdcu.workdir.json_file import read_json
from tfdcu.workdir.own_files import checksum

# Most files open at once; the default limit of a process is 1024.
_NUM_OPEN = 512
_FILE = re.compile(r"shard-(\d+)\..+")


def write_shard(folder, number, mark, parts):
    """Writes a shard: its arrays, and last the record that it is complete.

    Args:
        folder: `Path`.
        number: Number of the shard.
        mark: String that identifies what the shard belongs to.
        parts: Dict from name to array.
    """
    files = [_part_file(folder, number, name) for name in parts]
    record = _record_file(folder, number)
    with atomic_write(*files, record) as (*beside, beside_record):
        for file, array in zip(beside, parts.values(), strict=True):
            save_array(file, array)
        sums = dict(zip(parts, map(checksum, beside)))
        record = {"of": mark, "sha256": sums}
        beside_record.write_text(json.dumps(record), "utf-8")


def is_whole(folder, number, mark):
    """Whether a shard with this `mark` exists, as it was written."""
    try:
        record = read_json(_record_file(folder, number))
        return record["of"] == mark and all(
            checksum(_part_file(folder, number, name)) == sum_of
            for name, sum_of in record["sha256"].items()
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def read_shard(folder, number, names):
    """The memory-mapped arrays of a shard: dict from name to array."""
    return {
        name: np.asarray(
            np.load(
                _part_file(folder, number, name),
                mmap_mode="r",
                allow_pickle=False,
            )
        )
        for name in names
    }


def remove_shards(folder, index, count):
    """Deletes every shard whose number is `index` modulo `count`.

    Records are deleted first: a shard without a record is not complete.
    """
    files = folder.glob("shard-*")
    for file in sorted(files, key=lambda file: file.suffix != ".json"):
        found = _FILE.fullmatch(file.name)
        if found and int(found[1]) % count == index:
            file.unlink()


def rows_of(folder, parts, num_views, num_images, size):
    """A function that reads single rows of all shards inside a pipeline.

    Up to `source.MEMORY_LIMIT` bytes are loaded at once; larger arrays are
    read from the files batch by batch.

    Args:
        folder: `Path` of shards with arrays (num_views, images, ...).
        parts: Dict from name to (dtype, shape of a row).
        num_views: Number of rows per image.
        num_images: Number of images in all shards.
        size: Images per shard; the last shard may have fewer.

    Returns:
        Function from int64 tensors (batch,) of image and view indices to a
        dict from name to tensor (batch, ...).
    """
    read = functools.partial(read_shard, folder, names=list(parts))
    row_bytes = sum(
        np.dtype(dtype).itemsize * int(np.prod(shape))
        for dtype, shape in parts.values()
    )
    if num_views * num_images * row_bytes > source_lib.MEMORY_LIMIT:
        num_open = _NUM_OPEN // len(parts)
        return _mapped(functools.lru_cache(num_open)(read), parts, size)
    return _in_memory(read, parts, num_views, num_images, size)


def _in_memory(read, parts, num_views, num_images, size):
    arrays = {
        name: np.empty((num_views, num_images, *shape), dtype)
        for name, (dtype, shape) in parts.items()
    }
    for start in range(0, num_images, size):
        for name, rows in read(start // size).items():
            arrays[name][:, start : start + size] = rows
    # Kept on the CPU: only batches are copied to an accelerator.
    with tf.device("CPU:0"):
        tensors = {
            name: tf.constant(rows.reshape(-1, *rows.shape[2:]))
            for name, rows in arrays.items()
        }

    def rows(ids, views):
        index = views * num_images + ids
        return {name: tf.gather(rows, index) for name, rows in tensors.items()}

    return rows


def _mapped(read, parts, size):
    def gathered(ids, views):
        found = [
            np.empty((len(ids), *shape), dtype)
            for dtype, shape in parts.values()
        ]
        for place, (image, view) in enumerate(zip(ids, views)):
            shard = read(int(image) // size)
            for rows, name in zip(found, parts):
                rows[place] = shard[name][view, image % size]
        return found

    def rows(ids, views):
        dtypes = [tf.as_dtype(dtype) for dtype, _ in parts.values()]
        found = tf.numpy_function(gathered, [ids, views], dtypes)
        return {
            name: tf.ensure_shape(tensor, (ids.shape[0], *shape))
            for tensor, (name, (_, shape)) in zip(found, parts.items())
        }

    return rows


def _part_file(folder, number, name):
    return folder / f"shard-{number:05d}.{name}.npy"


def _record_file(folder, number):
    return folder / f"shard-{number:05d}.json"
