"""Computing targets: batches of views, and writing of shards."""

import numpy as np
import tensorflow as tf

from tfdcu.data import shards
from tfdcu.data.augment.augment import viewing
from tfdcu.data.fingerprint import checksums
from tfdcu.data.sources.source import as_written
from tfdcu.data.top_k import packed


def view_batches(source, ids, batch_size, augment=None, views=1, seed=0):
    """All views of some images; each batch of images is decoded once.

    Args:
        source: A `Source` without labels.
        ids: Int64 array, indices of the images in the source, sorted.
        batch_size: Int, images per batch.
        augment: As in `training_batches`.
        views: Int, number of views per image.
        seed: Int, for the views.

    Returns:
        A `tf.data.Dataset` of (ids, view, pixels, images): int64 (batch,),
        int64 scalar, the checksums of the images and their float32 views.
        Each batch occurs `views` times; the last one may be smaller.
    """
    view = viewing(augment, source.value_range, seed)

    @as_written
    def views_of(ids, images):
        pixels = checksums(images)

        def numbered(number):
            numbers = tf.fill(tf.shape(ids), number)
            return ids, number, pixels, view(images, ids, numbers)

        return tf.data.Dataset.range(views).map(numbered)

    batches = _image_batches(source, ids, batch_size)
    return batches.flat_map(views_of).prefetch(2)


def changed_images(targets, source, numbers):
    """Number of images that differ from those of finished shards.

    Args:
        targets: `Targets`.
        source: A `Source`, as in `view_batches`.
        numbers: Numbers of the shards, sorted.

    Returns:
        Int.
    """
    ids = targets.ids(numbers)
    batches = _image_batches(source, ids, source.at_once()).map(
        lambda ids, images: checksums(images)
    )
    pixels = np.concatenate([ids[:0], *batches.as_numpy_iterator()])
    return int((pixels != targets.pixels(numbers)).sum())


class Collector:
    """Collect batches of logits into shards and write them.

    A shard is written and freed when it is full, so memory use does not grow
    with the source.

    Args:
        targets: `Targets` to write to.
    """

    def __init__(self, targets):
        self.targets = targets
        self.open = {}

    def add(self, ids, view, pixels, logits):
        """Add the logits of one view of a batch of images.

        Args:
            ids: Int array (batch,), indices of the images.
            view: Number of the view.
            pixels: Int array (batch,), checksums of the images.
            logits: Float array (batch, classes).

        Raises:
            ValueError: If a logit is NaN, infinite or exceeds float16.
        """
        rows = packed(logits, ids, self.targets.fingerprint["top_k"])
        numbers = ids // self.targets.shard_size
        for number in np.unique(numbers).tolist():
            mask = numbers == number
            rows_of_shard = ids[mask] - number * self.targets.shard_size
            shard = self.open.setdefault(number, self._blank(number))
            for name, values in rows.items():
                shard["rows"][name][view, rows_of_shard] = values[mask]
            shard["pixels"][rows_of_shard] = pixels[mask]
            shard["left"] -= len(rows_of_shard)
            if not shard["left"]:
                self._write(number)

    def _blank(self, number):
        size = self.targets.shard_size
        num = min(size, self.targets.num_images - number * size)
        views = self.targets.views
        return {
            "left": views * num,
            "pixels": np.empty(num, "int64"),
            "rows": {
                name: np.empty((views, num, *shape), dtype)
                for name, (dtype, shape) in self.targets.parts.items()
            },
        }

    def _write(self, number):
        shard = self.open.pop(number)
        shards.write_shard(
            self.targets.path,
            number,
            self.targets.mark,
            {"pixels": shard["pixels"], **shard["rows"]},
        )


def _image_batches(source, ids, batch_size):
    if len(ids) == source.num_images:
        part, places = source, tf.data.Dataset.range(len(ids))
    else:
        part = source.subset(ids)
        places = tf.data.Dataset.from_tensor_slices(ids)
    return tf.data.Dataset.zip(
        places.batch(batch_size), part.batches(batch_size)
    ).prefetch(1)
