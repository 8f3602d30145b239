"""What every source becomes: cheap records in a fixed order, and a decoder."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfdcu.data.sources import pixels

# For functions of a pipeline that have no control flow on tensors: reading
# and rewriting them, as TensorFlow otherwise does, takes a second or more.
as_written = tf.autograph.experimental.do_not_convert

# Decoded images up to this many bytes may be kept in memory.
MEMORY_LIMIT = 256 * 2**20
# Undecoded records that a shuffle may hold at once, in bytes; TensorFlow takes
# up to three times as much for them.
SHUFFLE_LIMIT = 32 * 2**20


def ending_at_once(dataset):
    """A dataset whose iterators are gone as soon as nobody holds them.

    TensorFlow 2.21's tuner of pipelines sleeps for ever longer spells, and
    sometimes is not woken when its iterator ends: the program then stands
    still for about as long again as it has run. Without the tuner `AUTOTUNE`
    is a fixed number of TensorFlow's own.

    Args:
        dataset: A `tf.data.Dataset`.

    Returns:
        The dataset without it; what is made of it has none either.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


@dataclasses.dataclass(frozen=True)
class Source:
    """Images, labeled or not, that are decoded only when they are asked for.

    `open_source` makes one of anything it understands; the other functions of
    this room take and return them. A source holds no decoded image unless it
    was made from arrays. `dataset` is the plain way to read one.

    Attributes:
        name: What messages call the source, e.g. `"folder:photos"`.
        num_images: How many images it holds.
        image_shape: (height, width, channels) of the decoded images.
        value_range: (low, high) of the decoded pixels.
        labeled: Whether the images carry labels.
        classes: Tuple of class names in the order of the labels, or `None`.
        skipped: Tuple of `{"file", "reason"}` of what could not be read.
        records: `tf.data.Dataset` of undecoded elements in a fixed order:
            `item`, or `(item, label)` with an int32 label if labeled.
        decode: Pure function from an `item` (tensors) to one image, a float32
            tensor of shape `image_shape`.
        lookup: Pure function from an int64 index to that record, or from a
            vector of indices to a batch of records, for sources with random
            access; else `None`.
        streams: Whether reading in order goes by `records`, although there is
            a `lookup`.
        decodes_batches: Whether `decode` takes a batch of items as well.
        record_bytes: About how many bytes a record holds in memory.
        fixed_order: False if reading twice gives another order, as with a
            user's dataset that reshuffles.
        lasting: False if another process may read it in another order, as a
            user's dataset that was shuffled without a seed.
        spans: Tuple of (place, first, last), half open: where the images lie,
            to tell whether two sources share some. Empty if unknown.
    """

    name: str
    num_images: int
    image_shape: tuple
    value_range: tuple
    labeled: bool
    records: tf.data.Dataset = dataclasses.field(repr=False)
    decode: Callable = dataclasses.field(repr=False)
    classes: tuple | None = None
    skipped: tuple = dataclasses.field(default=(), repr=False)
    lookup: Callable | None = dataclasses.field(default=None, repr=False)
    streams: bool = dataclasses.field(default=False, repr=False)
    decodes_batches: bool = False
    record_bytes: int = 16
    fixed_order: bool = True
    lasting: bool = True
    spans: tuple = dataclasses.field(default=(), repr=False)

    @property
    def dataset(self):
        """Decoded images in order: `image`, or `(image, label)` if labeled."""

        @as_written
        def element(*record):
            image = self.decode(record[0])
            return (image, record[1]) if self.labeled else image

        return ending_at_once(
            self.records.map(element, num_parallel_calls=tf.data.AUTOTUNE)
        )

    def batches(self, size):
        """Decoded batches in order, the last one perhaps smaller."""

        @as_written
        def decoded(*record):
            images = self.decode_batch(record[0])
            return (images, record[1]) if self.labeled else images

        return self._record_batches(size).map(
            decoded, num_parallel_calls=tf.data.AUTOTUNE
        )

    def decode_batch(self, items):
        """Images (batch, height, width, channels) of a batch of items."""
        if self.decodes_batches:
            return self.decode(items)
        return tf.map_fn(
            self.decode,
            items,
            fn_output_signature=tf.TensorSpec(self.image_shape, tf.float32),
        )

    def labels(self):
        """Every label in order: int32 (num_images,); decodes no image."""

        @as_written
        def label_of(item, label):
            return label

        if self.lookup is None or self.streams:
            # A record may hold a whole image: no batches of them are made.
            batches = ending_at_once(self.records.map(label_of).batch(4096))
        else:
            batches = self._record_batches(4096).map(label_of)
        return np.concatenate(list(batches.as_numpy_iterator()))

    def _record_batches(self, size):
        if self.lookup is None or self.streams:
            return ending_at_once(self.records.batch(size))
        starts = tf.data.Dataset.range(0, self.num_images, size)

        @as_written
        def batch(start):
            stop = tf.minimum(start + size, self.num_images)
            return self.lookup(tf.range(start, stop))

        return ending_at_once(starts.map(batch))

    def subset(self, indices):
        """The images at these indices, in their order, still undecoded.

        Args:
            indices: Distinct integers in [0, num_images).

        Returns:
            A `Source`. Without random access it reads all records and drops
            the others.
        """
        indices = np.sort(np.asarray(indices, "int64"))
        kept = tf.constant(indices)
        if self.lookup is not None:
            return with_lookup(
                self,
                lambda index: self.lookup(tf.gather(kept, index)),
                num_images=len(indices),
                spans=_spans_of(self, indices),
            )
        member = np.zeros(self.num_images, bool)
        member[indices] = True
        member = tf.constant(member)
        records = (
            self.records.enumerate()
            .filter(lambda index, record: tf.gather(member, index))
            .map(lambda index, record: record)
        )
        return dataclasses.replace(
            self,
            records=records,
            num_images=len(indices),
            spans=_spans_of(self, indices),
        )

    def without_labels(self):
        """The same images with their labels dropped."""
        if not self.labeled:
            return self
        lookup = self.lookup
        return dataclasses.replace(
            self,
            labeled=False,
            records=self.records.map(lambda item, label: item),
            lookup=lookup and (lambda index: lookup(index)[0]),
        )

    def in_memory(self):
        """The same source with every image decoded now and kept."""
        per_batch = 256
        images = np.empty((self.num_images, *self.image_shape), "float32")
        labels = np.empty(self.num_images, "int32") if self.labeled else None
        start = 0
        for batch in self.batches(per_batch).as_numpy_iterator():
            decoded = batch[0] if self.labeled else batch
            images[start : start + len(decoded)] = decoded
            if self.labeled:
                labels[start : start + len(decoded)] = batch[1]
            start += len(decoded)
        kept = from_arrays(
            self.name, images, labels, self.image_shape, self.value_range
        )
        return dataclasses.replace(
            kept,
            classes=self.classes,
            skipped=self.skipped,
            spans=self.spans,
            lasting=self.lasting,
        )

    def in_fixed_order(self):
        """The same images in an order that stays, for what reads them twice.

        Raises:
            ValueError: If the order changes and the images do not fit into
                memory.
        """
        if not self.fixed_order and self.fits_in_memory():
            return self.in_memory()
        self.check_order("it cannot be compared, nor is it kept in memory")
        return self

    def check_order(self, consequence):
        """Raises if places in the source are not those of the same images.

        Args:
            consequence: What then cannot be done, for the message.

        Raises:
            ValueError: If reading twice gives another order.
        """
        if not self.fixed_order:
            raise ValueError(
                f"{self.name} comes in another order whenever it is read, so "
                f"{consequence}. Expected: a dataset of fixed order, e.g. "
                "shuffle(..., reshuffle_each_iteration=False). Received: one "
                "that reshuffles."
            )

    def with_records_in_memory(self):
        """The same source with random access, and so whole shuffles.

        Its records, still encoded, are read and kept when one is first looked
        up; whoever only reads them in order keeps none.
        """

        @functools.cache
        def kept():
            # Also when it is a pipeline being traced that asks first.
            with tf.init_scope(), tf.device("CPU:0"):
                return tf.nest.map_structure(
                    lambda *parts: tf.concat(parts, 0),
                    *self._record_batches(1024),
                )

        def lookup(index):
            return tf.nest.map_structure(lambda x: tf.gather(x, index), kept())

        return dataclasses.replace(self, lookup=lookup, streams=True)

    def fits_in_memory(self, limit=MEMORY_LIMIT):
        """Whether all images, decoded, take at most `limit` bytes."""
        return 4 * self.num_images * int(np.prod(self.image_shape)) <= limit


def _spans_of(source, indices):
    if len(source.spans) != 1:
        return ()
    place, first, last = source.spans[0]
    if last - first != source.num_images:
        return ()
    breaks = np.flatnonzero(np.diff(indices) > 1) + 1
    return tuple(
        (place, first + int(run[0]), first + int(run[-1]) + 1)
        for run in np.split(indices, breaks)
        if len(run)
    )


def check_ranges(sources):
    """Raises if sources that are used together differ in their pixels' range.

    Args:
        sources: Dict from what messages call it to `Source` or `None`.

    Raises:
        ValueError: If there is more than one `value_range`.
    """
    ranges = {n: s.value_range for n, s in sources.items() if s is not None}
    if len(set(ranges.values())) > 1:
        raise ValueError(
            "The sources have pixels of different ranges. Expected one "
            f"`value_range` for all of them. Received {ranges}."
        )


def with_lookup(source, lookup, **changes):
    """A copy of a source whose records are `lookup(0)`, `lookup(1)`, ..."""
    num_images = changes.get("num_images", source.num_images)
    records = tf.data.Dataset.range(num_images).map(as_written(lookup))
    return dataclasses.replace(
        source, records=records, lookup=lookup, streams=False, **changes
    )


def from_arrays(name, images, labels, image_shape, value_range):
    """A source over arrays; their own type is kept until images are read.

    Args:
        name: What messages call it.
        images: Array (num, height, width, channels).
        labels: Integer array (num,) or `None`.
        image_shape: (height, width, channels) to convert to.
        value_range: (low, high) of the decoded pixels.

    Returns:
        A `Source` with random access.
    """
    # On the host even where there is an accelerator: only batches go there.
    with tf.device("CPU:0"):
        pixels_kept = tf.convert_to_tensor(images)
        labels_kept = None if labels is None else tf.constant(labels, tf.int32)

    def lookup(index):
        if labels_kept is None:
            return index
        return index, tf.gather(labels_kept, index)

    def decode(index):
        image = tf.gather(pixels_kept, index)
        return pixels.convert(image, image_shape, value_range)

    source = Source(
        name=name,
        num_images=len(images),
        image_shape=tuple(image_shape),
        value_range=tuple(value_range),
        labeled=labels is not None,
        records=tf.data.Dataset.range(len(images)),
        decode=decode,
        decodes_batches=True,
    )
    return with_lookup(source, lookup)
