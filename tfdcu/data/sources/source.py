"""The `Source` class: undecoded records in a fixed order, and a decoder."""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfdcu.data.sources import pixels

# For pipeline functions without control flow on tensors: AutoGraph would take
# a second or more to convert them.
as_written = tf.autograph.experimental.do_not_convert

# Decoded images of up to this many bytes are kept in memory.
MEMORY_LIMIT = 256 * 2**20
# Largest window of undecoded records for shuffling, in bytes; TensorFlow needs
# up to three times as much memory.
SHUFFLE_LIMIT = 32 * 2**20
# Decoded images that a pass over a source takes at once, in bytes: TensorFlow
# keeps the memory of the largest batch that there ever was.
AT_ONCE = 16 * 2**20


def ending_at_once(dataset):
    """Turns off autotuning, so that iterators are deleted without delay.

    The autotuning thread of TensorFlow 2.21 sleeps for longer and longer
    intervals and sometimes is not woken when its iterator ends: the program
    then hangs for about as long as it has run. Without autotuning, `AUTOTUNE`
    is a fixed number.

    Args:
        dataset: A `tf.data.Dataset`.

    Returns:
        The dataset without autotuning; datasets made from it have none either.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


@dataclasses.dataclass(frozen=True)
class Source:
    """Labeled or unlabeled images that are decoded when they are read.

    Made by `open_source`. A source holds no decoded images unless it was made
    from arrays. Read it by its `dataset`.

    Attributes:
        name: Name for messages, e.g. `"folder:photos"`.
        num_images: Number of images.
        image_shape: (height, width, channels) of the decoded images; of other
            inputs the shape of one, such as (time, channels).
        value_range: (low, high) of the decoded pixels; `None` where these are
            no images, and values are taken as they are.
        dtype: `"float32"`, or `"int32"` of other inputs than images, such as
            token ids.
        labeled: Whether the images have labels.
        label_shape: Shape of the labels of an image: `()` for the index of
            its class, `(labels,)` for 0 or 1 of each label, `(height, width)`
            for a map of classes.
        outputs: Where labels are of several outputs, a dict by name of the
            shapes of these; they stand side by side in a row of label_shape
            `(columns,)`, see `tfdcu/graph/columns.py`. Else `None`.
        classes: Tuple of class names in the order of the labels, or `None`.
        skipped: Tuple of `{"file", "reason"}` of files that were skipped.
        records: `tf.data.Dataset` of undecoded elements in a fixed order:
            `item`, or `(item, label)` with an int32 label if labeled.
        decode: Pure function from an `item` (tensors) and an `image_shape`
            to one image, a tensor of that shape and of this dtype.
        lookup: For sources with random access, pure function from an int64
            index to its record, or from a vector of indices to a batch of
            records; else `None`.
        streams: Whether images are read in order by `records` although there
            is a `lookup`.
        decodes_batches: Whether `decode` also takes a batch of items.
        record_bytes: Approximate bytes of a record in memory.
        fixed_order: False if the order changes when it is read again, as in a
            dataset that reshuffles.
        lasting: False if the order may differ in another process, as in a
            dataset shuffled without a seed.
        spans: Tuple of (place, start, stop): where the images are stored, to
            detect whether two sources overlap. Empty if unknown.
    """

    name: str
    num_images: int
    image_shape: tuple
    value_range: tuple | None
    labeled: bool
    records: tf.data.Dataset = dataclasses.field(repr=False)
    decode: Callable = dataclasses.field(repr=False)
    label_shape: tuple = ()
    outputs: dict | None = dataclasses.field(default=None, compare=False)
    classes: tuple | None = None
    skipped: tuple = dataclasses.field(default=(), repr=False)
    lookup: Callable | None = dataclasses.field(default=None, repr=False)
    streams: bool = dataclasses.field(default=False, repr=False)
    decodes_batches: bool = False
    record_bytes: int = 16
    fixed_order: bool = True
    lasting: bool = True
    spans: tuple = dataclasses.field(default=(), repr=False)
    dtype: str = "float32"

    @property
    def dataset(self):
        """Decoded images in order: `image`, or `(image, label)` if labeled."""

        @as_written
        def element(*record):
            image = self.decode(record[0], self.image_shape)
            return (image, record[1]) if self.labeled else image

        return ending_at_once(
            self.records.map(element, num_parallel_calls=tf.data.AUTOTUNE)
        )

    def batches(self, size):
        """Decoded batches in order; the last batch may be smaller."""

        @as_written
        def decoded(*record):
            images = self.decode_batch(record[0])
            return (images, record[1]) if self.labeled else images

        return self._record_batches(size).map(
            decoded, num_parallel_calls=tf.data.AUTOTUNE
        )

    def at_once(self, most=256):
        """How many images a pass takes at once: at most 16 MiB of them.

        Args:
            most: Int, at least 1, the largest number. Defaults to 256.

        Returns:
            A power of 2, which divides the size of a shard of targets.
        """
        num = max(1, min(most, AT_ONCE // self.image_bytes))
        return 2 ** int(np.log2(num))

    @property
    def image_bytes(self):
        """Bytes of a decoded image."""
        return 4 * int(np.prod(self.image_shape))

    def decode_batch(self, items):
        """Decodes a batch of items: (batch, height, width, channels)."""
        if self.decodes_batches:
            return self.decode(items, self.image_shape)
        return tf.map_fn(
            lambda item: self.decode(item, self.image_shape),
            items,
            fn_output_signature=tf.TensorSpec(self.image_shape, self.dtype),
        )

    def labels(self):
        """All labels in order: int32 (num_images, *label_shape).

        Decodes no image.
        """
        return np.concatenate(list(self.label_batches()))

    def label_batches(self):
        """The labels of `labels`, some at a time, since maps are large."""

        @as_written
        def label_of(item, label):
            return label

        size = max(16, 4096 // math.prod(self.label_shape))
        if self.lookup is None or self.streams:
            # Not batched first, since a record may contain the image.
            batches = ending_at_once(self.records.map(label_of).batch(size))
        else:
            batches = self._record_batches(size).map(label_of)
        return batches.as_numpy_iterator()

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
        """The images at these indices, in the order of the source.

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

    def sized(self, image_shape):
        """The same images, converted to another shape when they are read.

        What is stored is converted once, as an app does it, and not what this
        source makes of it; images of a `tf.data.Dataset` are converted from
        the shape in which it was opened.

        Args:
            image_shape: (height, width, channels). If a part of it is `None`,
                or these are no images, nothing changes.

        Returns:
            A `Source`.
        """
        if self.value_range is None or None in image_shape:
            return self
        return dataclasses.replace(self, image_shape=tuple(image_shape))

    def without_labels(self):
        """The same images without labels."""
        if not self.labeled:
            return self
        lookup = self.lookup
        return dataclasses.replace(
            self,
            labeled=False,
            label_shape=(),
            outputs=None,
            records=self.records.map(lambda item, label: item),
            lookup=lookup and (lambda index: lookup(index)[0]),
        )

    def in_memory(self):
        """Decodes all images now and keeps them in memory."""
        images = np.empty((self.num_images, *self.image_shape), self.dtype)
        labels = None
        if self.labeled:
            labels = np.empty((self.num_images, *self.label_shape), "int32")
        start = 0
        for batch in self.batches(self.at_once()).as_numpy_iterator():
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
            outputs=self.outputs,
            classes=self.classes,
            skipped=self.skipped,
            spans=self.spans,
            lasting=self.lasting,
        )

    def in_fixed_order(self):
        """The same images in a fixed order, loaded into memory if needed.

        Raises:
            ValueError: If the order changes and the images do not fit in
                memory.
        """
        if not self.fixed_order and self.fits_in_memory():
            return self.in_memory()
        self.check_order("it must fit in memory, and does not")
        return self

    def check_order(self, consequence):
        """Raises if the order changes when the source is read again.

        Args:
            consequence: What fails in this case, for the message.

        Raises:
            ValueError: If reading twice gives another order.
        """
        if not self.fixed_order:
            raise ValueError(
                f"{self.name} has another order each time it is read, so "
                f"{consequence}. Expected: a dataset of fixed order, e.g. "
                "shuffle(..., reshuffle_each_iteration=False). Received: a "
                "dataset that reshuffles."
            )

    def with_records_in_memory(self):
        """The same source with random access, so it is shuffled completely.

        Its encoded records are read into memory at the first lookup, but not
        if they are only read in order.
        """

        @functools.cache
        def kept():
            # Eagerly, even if the first lookup is in a traced function.
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
        return self.num_images * self.image_bytes <= limit


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
    """Raises if sources that are used together differ in `value_range`.

    And so if some are of integers and others of floats, where these are no
    images.

    Args:
        sources: Dict from a name for messages to `Source` or `None`.

    Raises:
        ValueError: If there is more than one `value_range`.
    """
    ranges = {n: s.value_range for n, s in sources.items() if s is not None}
    if len(set(ranges.values())) > 1:
        raise ValueError(
            "The sources have pixels of different ranges. Expected: one "
            f"`value_range` for all of them. Received: {ranges}."
        )
    dtypes = {n: s.dtype for n, s in sources.items() if s is not None}
    if len(set(dtypes.values())) > 1:
        raise ValueError(
            "The sources have values of different types. Expected: floats in "
            "all of them, `x.astype('float32')`, or integers in all of them. "
            f"Received: {dtypes}."
        )


def with_lookup(source, lookup, **changes):
    """A copy of the source whose records are `lookup(0)`, `lookup(1)`, ..."""
    num_images = changes.get("num_images", source.num_images)
    records = tf.data.Dataset.range(num_images).map(as_written(lookup))
    return dataclasses.replace(
        source, records=records, lookup=lookup, streams=False, **changes
    )


def from_arrays(name, images, labels, image_shape, value_range):
    """A source over arrays, whose images are converted when they are read.

    Args:
        name: Name for messages.
        images: Array (num, height, width, channels).
        labels: Integer array (num, *label_shape) or `None`.
        image_shape: (height, width, channels) to convert to.
        value_range: (low, high) of the decoded pixels, or `None`, see
            `Source`.

    Returns:
        A `Source` with random access.
    """
    # Kept on the CPU: only batches are copied to an accelerator.
    with tf.device("CPU:0"):
        pixels_kept = tf.convert_to_tensor(images)
        labels_kept = None if labels is None else tf.constant(labels, tf.int32)

    def lookup(index):
        if labels_kept is None:
            return index
        return index, tf.gather(labels_kept, index)

    def decode(index, image_shape):
        image = tf.gather(pixels_kept, index)
        return pixels.convert(image, image_shape, value_range)

    source = Source(
        name=name,
        num_images=len(images),
        image_shape=tuple(image_shape),
        value_range=value_range and tuple(value_range),
        dtype=pixels.dtype_of(images.dtype, value_range),
        labeled=labels is not None,
        label_shape=() if labels is None else np.shape(labels)[1:],
        records=tf.data.Dataset.range(len(images)),
        decode=decode,
        decodes_batches=True,
    )
    return with_lookup(source, lookup)


SOURCE = (
    "a Source, from `open_source`",
    lambda value: isinstance(value, Source),
)
