"""The teacher's logits on disk, and what they are of."""

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
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.workdir import diff

_FORMAT = 1


class Targets:
    """Logits of a teacher for every view of every image of a source.

    `tfdcu.teacher_targets` makes them, `training_batches(targets=...)` takes
    them. The folder holds `targets.json`, the fingerprint, and shards of
    `shard_size` images each: `shard-00000.logits.npy`, float16 (views, images,
    classes), beside it a checksum of each image's pixels and, if only the
    largest logits are kept, their classes and what remains for the others.

    Args:
        path: The folder.

    Attributes:
        path: `Path` of the folder.
        fingerprint: Dict of what the logits are of: `teacher`, `mirror`,
            `classes`, `top_k`, `shard_size`, `images` and `view`.
        num_images: How many images the source has.
        views: How many views each image has.
        mirror: Whether a view's logits are those of its mirror image too.
        classes: How many logits a view has.
        num_shards: How many shards there are once it is finished.

    Raises:
        ValueError: If the folder holds no targets.
    """

    def __init__(self, path):
        self.path = Path(path)
        try:
            text = (self.path / "targets.json").read_text("utf-8")
            self.fingerprint = json.loads(text)
            self.num_images = self.fingerprint["images"]["num_images"]
            self.views = self.fingerprint["view"]["views"]
            self.mirror = self.fingerprint["mirror"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"There are no targets. Expected: a folder that "
                f"`teacher_targets` wrote. Received: '{path}' ({error})"
            ) from error
        self.classes = self.fingerprint["classes"]
        self.shard_size = self.fingerprint["shard_size"]
        self.num_shards = -(-self.num_images // self.shard_size)
        self.parts = parts_of(self.classes, self.fingerprint["top_k"])
        text = json.dumps(self.fingerprint, sort_keys=True)
        self.mark = hashlib.sha256(text.encode()).hexdigest()

    def missing(self, numbers=None):
        """Those of these shards, or of all, that are not there yet."""
        if numbers is None:
            numbers = range(self.num_shards)
        return [
            number
            for number in numbers
            if not shards.is_whole(self.path, number, self.mark)
        ]

    def ids(self, numbers):
        """Places in the source of the images of these shards: int64 array."""
        size, end = self.shard_size, self.num_images
        spans = [
            np.arange(number * size, min((number + 1) * size, end))
            for number in numbers
        ]
        return np.concatenate([np.empty(0, "int64"), *spans])

    def pixels(self, numbers):
        """Checksums of the images of these shards, in order: int64 array."""
        # Copies: each memory map that is kept is an open file.
        found = [
            shards.read_shard(self.path, number, ["pixels"])["pixels"].copy()
            for number in numbers
        ]
        return np.concatenate([np.empty(0, "int64"), *found])

    def check(self, source, view):
        """Raises unless these targets are whole, and of these views.

        The pixels of a few images are compared; `recall` compares all of them
        as they come.

        Args:
            source: The `Source` that is trained on.
            view: The views that are trained on, from `describe_views`.

        Raises:
            ValueError: If the targets are not finished, or of other images or
                views.
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
                f"The targets in '{self.path}' are not of these batches. "
                f"Expected: the images, image_shape, value_range, augment, "
                f"views and seed that `teacher_targets` was given. Received: "
                f"{source.name}: {'; '.join(found)}"
            )

    def check_whole(self):
        """Raises unless all shards are there."""
        missing = self.missing()
        if missing:
            shown = ", ".join(map(str, missing[:10]))
            raise ValueError(
                f"The targets in '{self.path}' are not finished. Expected: all "
                f"{self.num_shards} shards; `teacher_targets` makes those that "
                f"are missing when it is called again with the same arguments "
                f"(with shard=(index, count), in each process). Received: "
                f"{len(missing)} missing, numbers {shown}"
                f"{', ...' if len(missing) > 10 else ''}"
            )

    def recall(self):
        """A way to read targets inside of a pipeline.

        Returns:
            Function from int64 tensors (batch,) of images and of passes over
            them, and the float32 images (batch, height, width, channels)
            before they were augmented, to float32 logits (batch, classes). It
            fails for an image that is not the one the targets are of.
        """
        rows = shards.rows_of(
            self.path, self.parts, self.views, self.num_images, self.shard_size
        )
        with tf.device("CPU:0"):
            pixels = tf.constant(self.pixels(range(self.num_shards)))
        message = (
            f"An image is not the one that its targets in '{self.path}' are "
            "of. Expected: the images that `teacher_targets` read, in their "
            "order. Received: other pixels for one of the images"
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
    """The targets of a folder, which are begun if there are none.

    Any number of processes may do so at once.

    Args:
        path: The folder.
        fingerprint: Dict, see `Targets`.
        renew: Whether to delete the shards of this process first.
        shard: (index, count) of this process.

    Returns:
        `Targets`.

    Raises:
        ValueError: If the folder holds targets of something else, unless
            `renew`; the message names what differs.
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
                f"The targets in '{path}' are of something else. Expected: the "
                f"same teacher, images and views, or another path; without the "
                f"folder (or with renew=True) they are made anew. Received: "
                f"{'; '.join(found)}"
            )
        return Targets(path)
    with atomic_write(file) as (beside,):
        beside.write_text(json.dumps(fingerprint, indent=2) + "\n", "utf-8")
    return Targets(path)


def name_of(fingerprint, source):
    """A name for targets, another one for those of something else.

    Args:
        fingerprint: Dict, see `Targets`.
        source: The `Source` of their images.

    Returns:
        Sixteen letters and digits, of the fingerprint and of the pixels of
        a few images.
    """
    pixels = checksums(tf.constant(some_images(source)[1]))
    text = json.dumps(
        [_as_json(fingerprint), pixels.numpy().tolist()], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe_images(source):
    """What makes images other images, but for their pixels, as JSON."""
    source.check_order("targets cannot be told apart")
    return {
        "num_images": source.num_images,
        "image_shape": list(source.image_shape),
        "value_range": list(source.value_range),
    }


def opened(targets):
    """`Targets` as they are, or those of a path."""
    is_path = isinstance(targets, (str, os.PathLike))
    return Targets(targets) if is_path else targets


def _as_json(value):
    return json.loads(json.dumps(value))
