"""Batches of labeled and unlabeled images for `fit` and `evaluate`."""

import tensorflow as tf

from tfdcu.data.augment.augment import viewing
from tfdcu.data.augment.augment import viewing_maps
from tfdcu.data.augment.geometry import mirrored
from tfdcu.data.fingerprint import describe_views
from tfdcu.data.shuffle import epoch_batches
from tfdcu.data.sources.open import open_source
from tfdcu.data.sources.source import as_written
from tfdcu.data.sources.source import check_ranges
from tfdcu.data.sources.source import ending_at_once
from tfdcu.data.targets import opened
from tfdcu.graph.columns import unpack
from tfdcu.workdir.arguments import COUNT
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

# Numbers of the random streams, which must differ.
_LABELED, _UNLABELED = 0, 1
EPOCHS = (
    f"{COUNT[0]}, or a range",
    lambda value: isinstance(value, range) or COUNT[1](value),
)
# Batches that are prefetched.
_AHEAD = 2


def training_batches(
    labeled,
    unlabeled,
    epochs=None,
    views=0,
    labeled_views=None,
    targets=None,
    seed=0,
    image_shape=None,
    value_range=(0.0, 1.0),
    data_dir=None,
    cache="auto",
    *,
    batch_size=32,
    labeled_batch_size=None,
    augment=None,
):
    """Batches `((image, label), unlabeled)` for `AlignedDistiller.fit`.

    An epoch is one pass over the pool in a random order. An incomplete last
    batch is dropped; a pool smaller than one batch is repeated to fill it. The
    labeled images are repeated as needed and reshuffled on every pass. Student
    and teacher see the same augmented image.

    The order is a pure function of (seed, epoch), and a view of (seed, index
    of the image in its source, number of the pass over the source), where
    passes are counted over all epochs. Sources with random access (arrays,
    folders, digits) are shuffled completely; streams (TFDS, datasets, large
    `.npz` files) in windows of `source.SHUFFLE_LIMIT` bytes of undecoded
    records, so memory use does not grow with the pool.

    Args:
        labeled: Anything `open_source` takes, with labels; or `None`.
        unlabeled: Anything `open_source` takes; labels are dropped.
        batch_size: Unlabeled images per batch. Default 32: what limits a
            pruned student is the number of its steps.
        labeled_batch_size: Labeled images per batch. Default `None`: a
            quarter of `batch_size`, since they are few and come often.
        augment: `None`, `"flip_crop"`, `"shift"`, `"zoom"`, `"color"` or a
            callable from (image (height, width, channels), seed (2,)) to an
            image of that shape that uses TensorFlow's stateless operations;
            or a tuple of these, applied in order. Labeled maps follow
            `"flip_crop"`, and `"color"` leaves them as they are; the others
            are refused for them.
        views: Number of views of each image, used in turn, one per pass; 0
            for a new view in every pass.
        labeled_views: Number of views of each labeled image. Labeled images
            are repeated more often than the pool, so a larger number helps.
            Default `None`, the same as `views`.
        targets: Targets that `tfdcu.teacher_targets` made from the same
            sources with the same `augment`, `seed` and number of views, or
            their paths: a pair (labeled images, pool), or the pool's alone if
            there are no labeled images. If the targets include mirror images,
            these follow after all views. Default `None`.
        epochs: `None` makes a dataset of one epoch, a different one each time
            it is iterated, for `fit(dataset, epochs=...)`. A `range` makes one
            long dataset of exactly these epochs: `range(3, 10)` resumes
            `range(10)` after three epochs; pass `steps_per_epoch` to `fit`
            with it. An integer means `range(epochs)`.
        cache: Whether images are decoded once and kept in memory. `"auto"`
            does so up to `source.MEMORY_LIMIT` bytes of each source.
        image_shape: (height, width, channels); `None` for the shape of the
            labeled images, or of the pool. Other inputs than images need
            theirs, see `open_source`; they are not augmented.
        value_range: (low, high) of the pixels, for sources opened here.
        data_dir: Where TFDS finds prepared data sets.
        seed: Integer from 0 to 2**30 - 1.

    Returns:
        A `tf.data.Dataset` of known cardinality, prefetched. Elements are
        `((image, label), unlabeled)` with float32 images (batch, height,
        width, channels) and int32 labels (batch,), or (batch, height, width)
        of a source opened with such a `label_shape`; with `labeled=None` the
        1-tuple `(unlabeled,)`. With `targets` there is a third part with the
        teacher's float32 logits (batch, classes): `((image, label), unlabeled,
        (labeled_logits, logits))`, or `((), unlabeled, (logits,))`.

    Raises:
        ValueError: If a source is invalid or the sources do not fit together,
            a batch size is below 1, or `augment` or `cache` is unknown; with
            `epochs`, if a dataset reshuffles; if targets are not finished, or
            were made from other images or views.

    Example:

    ```python
    batches = tfdcu.data.training_batches(
        "digits", "printed", batch_size=64, augment="shift"
    )
    model.fit(batches, epochs=20)
    ```
    """
    check_arguments(
        ("labeled_batch_size", "labeled_views", "data_dir"),
        batch_size=batch_size,
        labeled_batch_size=labeled_batch_size,
        views=views,
        labeled_views=labeled_views,
        data_dir=data_dir,
        seed=seed,
    )
    check("epochs", epochs, EPOCHS, optional=True)
    if labeled_batch_size is None:
        labeled_batch_size = max(1, batch_size // 4)
    if not isinstance(cache, bool) and cache != "auto":
        raise ValueError(
            "Invalid value for `cache`. Expected: True, False or 'auto'. "
            f"Received: cache={cache!r}."
        )
    if labeled_views is None:
        labeled_views = views
    if isinstance(epochs, int):
        epochs = range(epochs)
    labeled_targets, pool_targets = _pair(targets, labeled)
    options = {"value_range": value_range, "data_dir": data_dir, "seed": seed}
    if labeled is not None:
        with naming("labeled"):
            labeled = open_source(labeled, image_shape=image_shape, **options)
        image_shape = labeled.image_shape
    with naming("unlabeled"):
        pool = open_source(
            unlabeled, labeled=False, image_shape=image_shape, **options
        )
    check_ranges({"labeled": labeled, "unlabeled": pool})
    labeled = labeled and _cached(labeled, cache, epochs)
    pool = _cached(pool, cache, epochs)
    steps = steps_per_epoch(pool, batch_size)

    common = steps, epochs, augment, seed
    batches = _stream(
        pool, batch_size, _UNLABELED, *common, views, pool_targets
    )
    if labeled is not None:
        few = _stream(
            labeled,
            labeled_batch_size,
            _LABELED,
            *common,
            labeled_views,
            labeled_targets,
        )
        batches = tf.data.Dataset.zip(few, batches)
    if targets is not None:
        batches = batches.map(
            _split_logits
            if labeled is not None
            else lambda *pool: _split_logits((), pool)
        )
    elif labeled is None:
        batches = batches.map(lambda images: (images,))
    return _finished(batches, steps, epochs)


def labeled_batches(source, epochs, batch_size, augment=None, seed=0):
    """Batches `(image, label)`, as `training_batches` has them.

    Args:
        source: An open labeled `Source`.
        epochs, batch_size, augment, seed: As in `training_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality, prefetched.
    """
    source = _cached(source, "auto", epochs)
    steps = steps_per_epoch(source, batch_size)
    batches = _stream(
        source, batch_size, _LABELED, steps, epochs, augment, seed
    )
    return _finished(batches, steps, epochs)


def _stream(
    source, size, tag, steps, epochs, augment, seed, views=0, targets=None
):
    """Batches of one source's views, with their labels and their targets."""
    view = viewing(augment, source.value_range, seed)
    view_labels = None
    if source.labeled and len(source.label_shape) > 1:
        shapes = source.label_shape, source.image_shape
        view_labels = viewing_maps(augment, *shapes, seed)
    recall, both, turns = None, False, views
    if targets is not None:
        shape = source.image_shape, source.value_range
        made = describe_views(augment, views, seed, *shape)
        targets.check(source, made)
        recall, both = targets.recall(), targets.mirror
        turns = made["views"]
    key = _stream_seed(seed, tag)

    @as_written
    def records_of(epoch):
        return epoch_batches(source, steps, size, epoch, key)

    @as_written
    def decoded(ids, passes, records):
        items, *labels = records if source.labeled else (records,)
        images = source.decode_batch(items)
        numbers = passes % turns if turns else passes
        logits = [] if recall is None else [recall(ids, numbers, images)]
        images = view(images, ids, numbers)
        if view_labels:
            labels = [view_labels(one, ids, numbers) for one in labels]
        labels = [by_output(source, one) for one in labels]
        if both:
            images = mirrored(images, passes // turns % 2 == 1)
        parts = (images, *labels, *logits)
        return parts if parts[1:] else images

    batches = _epochs(epochs, seed).flat_map(records_of)
    return batches.map(decoded, num_parallel_calls=tf.data.AUTOTUNE)


def _finished(batches, steps, epochs):
    """Batches that know their number and are made ahead."""
    num_epochs = 1 if epochs is None else len(epochs)
    batches = batches.apply(
        tf.data.experimental.assert_cardinality(steps * num_epochs)
    )
    return ending_at_once(batches.prefetch(_AHEAD))


def evaluation_batches(source, batch_size=256, **options):
    """Batches in order, each image once, for `evaluate` and `predict`.

    Args:
        source: Anything `open_source` takes.
        batch_size: Images per batch; the last batch may be smaller.
        **options: Passed on to `open_source`.

    Returns:
        A `tf.data.Dataset` of (image, label) batches, or of images if the
        source was opened with `labeled=False`. Labels of several outputs are a
        dict by name.
    """
    check_arguments(batch_size=batch_size)
    if hasattr(source, "labeled"):
        options = {"labeled": source.labeled, **options}
    with naming("source"):
        opened = open_source(source, **options)
    batches = opened.batches(batch_size)
    if opened.outputs:
        batches = batches.map(lambda x, y: (x, by_output(opened, y)))
    return batches.prefetch(_AHEAD)


def by_output(source, labels):
    """The labels of a batch; of several outputs a dict by name."""
    return unpack(labels, source.outputs) if source.outputs else labels


def steps_per_epoch(unlabeled, batch_size):
    """Number of full batches in one pass over an open pool, at least 1."""
    return max(1, unlabeled.num_images // batch_size)


def _cached(source, cache, epochs):
    """The source, in memory if `cache` says so; checks its order."""
    if epochs is not None:
        source.check_order(f"the epochs {epochs} cannot be repeated")
    if cache is True or (
        # A dataset that differs in each pass may augment its images.
        cache == "auto" and source.fixed_order and source.fits_in_memory()
    ):
        return source.in_memory()
    return source


def _epochs(epochs, seed):
    if epochs is not None:
        return tf.data.Dataset.range(epochs.start, epochs.stop, epochs.step)
    return tf.data.Dataset.random(
        seed=seed, rerandomize_each_iteration=True
    ).take(1)


def _stream_seed(seed, tag):
    # Epochs stay below 2**32, so no two (seed, tag, epoch) share a sum; the
    # remainder keeps the sum within 64 bits.
    return (2 * seed + tag) % 2**31 << 32


def _pair(targets, labeled):
    """The targets of the labeled images and of the pool, or `None`."""
    if targets is None:
        return None, None
    pair = targets if isinstance(targets, (tuple, list)) else (None, targets)
    given = [part is not None for part in pair]
    if given != [labeled is not None, True]:
        raise ValueError(
            f"`targets` must be given for all images or for none. Expected: a "
            f"pair of targets (labeled images, pool), or the pool's alone with "
            f"labeled=None. Received: {targets!r}."
        )
    return [part and opened(part) for part in pair]


def _split_logits(labeled, pool):
    """Moves the logits of both parts of a batch to a third part."""
    return labeled[:2], pool[0], (*labeled[2:], *pool[1:])
