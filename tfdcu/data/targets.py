"""Stored teacher logits, with a fingerprint of their images and views."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdcu.data import shards
from tfdcu.data.fingerprint import checksums
from tfdcu.data.fingerprint import some_images
from tfdcu.data.top_k import parts_of
from tfdcu.data.top_k import unpacked
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.json_file import read_json
from tfdcu.workdir.workdir import diff

_FORMAT = 1


class Targets:
    """A teacher's logits for every view of every image of a source.

    Made by `tfdcu.teacher_targets`, read by `training_batches(targets=...)`.
    The folder holds the fingerprint, `targets.json`, and shards of
    `shard_size` images: `shard-00000.logits.npy`, float16 (views, images,
    classes), a checksum of each image's pixels and, if only the largest
    logits are stored, their classes and the log-sum-exp of the others.

    Args:
        path: The folder.

    Attributes:
        path: `Path` of the folder.
        fingerprint: Dict with `teacher`, `mirror`, `classes`, `top_k`,
            `shard_size`, `images` and `view`.
        num_images: Number of images of the source.
        views: Number of views per image.
        mirror: Whether a view's logits also apply to its mirror image.
        classes: Number of logits per view.
        num_shards: Number of shards when complete.

    Raises:
        ValueError: If the folder holds no targets.
    """

    def __init__(self, path):
        check_arguments(path=path)
        self.path = Path(path)
        try:
            self.fingerprint = read_json(self.path / "targets.json")
            self.num_images = self.fingerprint["images"]["num_images"]
            self.views = self.fingerprint["view"]["views"]
            self.mirror = self.fingerprint["mirror"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"There are no targets. Expected: a folder written by "
                f"`teacher_targets`. Received: path='{path}' ({error})"
            ) from error
        self.classes = self.fingerprint["classes"]
        self.shard_size = self.fingerprint["shard_size"]
        self.num_shards = -(-self.num_images // self.shard_size)
        self.parts = parts_of(self.classes, self.fingerprint["top_k"])
        text = json.dumps(self.fingerprint, sort_keys=True)
        self.mark = hashlib.sha256(text.encode()).hexdigest()

    def missing(self, numbers=None):
        """The numbers of missing shards, of the given ones or of all."""
        if numbers is None:
            numbers = range(self.num_shards)
        return [
            number
            for number in numbers
            if not shards.is_whole(self.path, number, self.mark)
        ]

    def ids(self, numbers):
        """Indices in the source of the images of these shards: int64 array."""
        size, end = self.shard_size, self.num_images
        spans = [
            np.arange(number * size, min((number + 1) * size, end))
            for number in numbers
        ]
        return np.concatenate([np.empty(0, "int64"), *spans])

    def pixels(self, numbers):
        """Checksums of the images of these shards, in order: int64 array."""
        # Copied, because each memory map keeps a file open.
        found = [
            shards.read_shard(self.path, number, ["pixels"])["pixels"].copy()
            for number in numbers
        ]
        return np.concatenate([np.empty(0, "int64"), *found])

    def check(self, source, view):
        """Raises unless the targets are complete and match images and views.

        The pixels of a few images are compared; `recall` compares every image
        during training.

        Args:
            source: The `Source` to train on.
            view: Fingerprint of the views to train on, from `describe_views`.

        Raises:
            ValueError: If the targets are not finished, or were made from
                other images or views.
        """
        self.check_whole()
        own = {key: self.fingerprint[key] for key in ("images", "view")}
        wanted = {"images": describe_images(source), "view": view}
        found = diff(own, _as_json(wanted))
        if not found:
            ids, images = some_images(source)
            stored = self.pixels(range(self.num_shards))[ids]
            changed = checksums(tf.constant(images)).numpy() != stored
            if changed.any():
                found = [f"{changed.sum()} of {len(ids)} images differ"]
        if found:
            raise ValueError(
                f"The targets in '{self.path}' do not match these batches. "
                f"Expected: the images, image_shape, value_range, augment, "
                f"views and seed that `teacher_targets` was given. Received: "
                f"{source.name}: {'; '.join(found)}"
            )

    def check_whole(self):
        """Raises unless all shards exist."""
        missing = self.missing()
        if missing:
            shown = ", ".join(map(str, missing[:10]))
            raise ValueError(
                f"The targets in '{self.path}' are not finished. Expected: all "
                f"{self.num_shards} shards; call `teacher_targets` again with "
                f"the same arguments to make the missing ones "
                f"(with shard=(index, count), in each process). Received: "
                f"{len(missing)} missing, numbers {shown}"
                f"{', ...' if len(missing) > 10 else ''}"
            )

    def recall(self):
        """A function that reads targets inside a `tf.data` pipeline.

        Returns:
            Function from int64 tensors (batch,) of image indices and passes,
            and the float32 images (batch, height, width, channels) before
            augmentation, to float32 logits (batch, classes). It fails if an
            image differs from the one the targets were made from.
        """
        rows = shards.rows_of(
            self.path, self.parts, self.views, self.num_images, self.shard_size
        )
        with tf.device("CPU:0"):
            pixels = tf.constant(self.pixels(range(self.num_shards)))
        message = (
            f"An image differs from the one its targets in '{self.path}' were "
            "made from. Expected: the images that `teacher_targets` read, in "
            "the same order. Received: other pixels for one of the images"
        )

        def logits(ids, numbers, images):
            same = tf.equal(checksums(images), tf.gather(pixels, ids))
            check = tf.debugging.Assert(
                tf.reduce_all(same), [message, ids], summarize=8
            )
            with tf.control_dependencies([check]):
                return unpacked(rows(ids, numbers % self.views), self.classes)

        return logits


def claim(path, fingerprint, *, renew=False, shard=(0, 1)):
    """Opens the targets of a folder, or creates them if there are none.

    Any number of processes may call this at the same time.

    Args:
        path: The folder.
        fingerprint: Dict, see `Targets`.
        renew: Whether to delete the shards of this process first.
        shard: (index, count) of this process.

    Returns:
        `Targets`.

    Raises:
        ValueError: If the folder holds targets with another fingerprint,
            unless `renew`; the message names the differences.
    """
    path = Path(path)
    file = path / "targets.json"
    fingerprint = _as_json({"format": _FORMAT, **fingerprint})
    if renew:
        shards.remove_shards(path, *shard)
    elif file.exists():
        found = diff(Targets(path).fingerprint, fingerprint)
        if found:
            raise ValueError(
                f"The targets in '{path}' have another fingerprint. Expected: "
                f"the same teacher, images and views, or another path; delete "
                f"the folder or pass renew=True to make them again. Received: "
                f"{'; '.join(found)}"
            )
        return Targets(path)
    with atomic_write(file) as (beside,):
        beside.write_text(json.dumps(fingerprint, indent=2) + "\n", "utf-8")
    return Targets(path)


def name_of(fingerprint, source):
    """A name for targets, unique for their fingerprint and images.

    Args:
        fingerprint: Dict, see `Targets`.
        source: The `Source` of their images.

    Returns:
        Sixteen hexadecimal digits: a hash of the fingerprint and of the
        pixels of a few images.
    """
    pixels = checksums(tf.constant(some_images(source)[1]))
    text = json.dumps(
        [_as_json(fingerprint), pixels.numpy().tolist()], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe_images(source):
    """Number, shape and range of a source's images, as JSON."""
    source.check_order("targets cannot be stored for it")
    return {
        "num_images": source.num_images,
        "image_shape": list(source.image_shape),
        "value_range": source.value_range and list(source.value_range),
    }


def opened(targets):
    """The given `Targets`, or those at a path."""
    is_path = isinstance(targets, (str, os.PathLike))
    return Targets(targets) if is_path else targets


def _as_json(value):
    return json.loads(json.dumps(value))
