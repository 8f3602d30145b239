"""Batches for `fit`: a few labeled images beside a long unlabeled pool."""

import tensorflow as tf

from tfdcu.data.augment.augment import viewing
from tfdcu.data.augment.geometry import mirrored
from tfdcu.data.augment.mix_partners import open_mix
from tfdcu.data.fingerprint import describe_views
from tfdcu.data.shuffle import epoch_batches
from tfdcu.data.sources.open import open_source
from tfdcu.data.sources.source import as_written
from tfdcu.data.sources.source import check_ranges
from tfdcu.data.sources.source import ending_at_once
from tfdcu.data.targets import opened

# Streams of random numbers that must not meet.
_LABELED, _UNLABELED = 0, 1
# Batches that are made ahead of the step.
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
    *,
    batch_size=64,
    labeled_batch_size=None,
    augment=None,
    mix=None,
    mix_share=0.5,
    cache="auto",
):
    """Batches `((image, label), unlabeled)` for `AlignedDistiller.fit`.

    An epoch is one pass over the pool in a random order; a last batch that is
    not full is dropped, and a pool smaller than a batch is repeated to fill
    one. The labeled images are repeated beside it, reshuffled on every pass.
    The view that `augment` and `mix` make is the only one in the batch, so
    student and teacher see the same.

    An order is a pure function of (seed, epoch), and a view of (seed, place of
    the image in its source, number of the pass over the source), passes being
    counted over all epochs. Sources with random access (arrays, folders,
    digits) are shuffled whole; streams (TFDS, datasets, large `.npz`) in
    windows of `source.SHUFFLE_LIMIT` bytes of undecoded records, so memory
    stays bounded whatever the pool's size.

    Args:
        labeled: Anything `open_source` takes, with labels; or `None`.
        unlabeled: Anything `open_source` takes; labels are dropped.
        batch_size: Unlabeled images a batch.
        labeled_batch_size: Labeled images a batch. Default `batch_size`.
        augment: `None`, `"flip_crop"`, `"shift"`, `"zoom"`, `"color"` or a
            callable from (image (height, width, channels), seed (2,)) to an
            image of that shape, made of TensorFlow's stateless operations; or
            a tuple of those, which are applied in order.
        mix: `None`, `"mixup"` (weighted means, Zhang et al. 2018) or
            `"cutmix"` (boxes, Yun et al. 2019) of pool images with partners:
            views of the labeled images, or of the pool itself where there are
            none. The teacher is asked about the mix; labeled images stay as
            they are. Partner, weight and box are as pure as the views.
        mix_share: Share of the pool images that are mixed, in (0, 1].
        views: How many views each image has, taken in turn, a pass each; 0
            for a fresh one in every pass.
        labeled_views: How many each labeled image has; they are few and come
            often, so more are worth while. Default `None`, as `views`.
        targets: What `tfdcu.teacher_targets` made of these very sources, with
            the same `augment`, `seed` and number of views, the pool's also
            with `mix` and the labeled images as `partners`, or its paths: a
            pair (of the labeled images, of the pool), or of the pool alone if
            there are no labeled images. Where they are of mirror images too,
            these come when all views had their turn. Default `None`.
        epochs: `None` makes a dataset of one epoch, another one every time it
            is iterated, as `fit(dataset, epochs=...)` does. A `range` makes
            one long dataset of these very epochs: `range(3, 10)` is what was
            left of `range(10)` after three. Pass `steps_per_epoch` to `fit`
            with it. An integer stands for `range(epochs)`.
        cache: Whether images are decoded once and kept in memory. `"auto"`
            does so up to `source.MEMORY_LIMIT` bytes of each source.
        image_shape: (height, width, channels); `None` for the labeled
            images' own, or the pool's.
        value_range: (low, high) of the pixels, for sources opened here.
        data_dir: Where TFDS finds prepared data sets.
        seed: Integer from 0 to 2**30 - 1.

    Returns:
        A `tf.data.Dataset` of known cardinality, prefetched. Elements are
        `((image, label), unlabeled)` with float32 images (batch, height,
        width, channels) and int32 labels (batch,); with `labeled=None` the
        1-tuple `(unlabeled,)`. With `targets` there is a third part, float32
        logits (batch, classes) of the images of each: `((image, label),
        unlabeled, (logits, logits))`, or `((), unlabeled, (logits,))`.

    Raises:
        ValueError: For sources that cannot be used or do not fit together, a
            batch size below 1, an unknown augmentation, mix or cache; for a
            stream too large to pick partners from; with `epochs`, for a
            dataset whose own order changes; for targets that are not
            finished, or of other images, views or partners.

    Example:

    ```python
    batches = tfdcu.data.training_batches(
        "digits", "printed", batch_size=64, augment="shift"
    )
    model.fit(batches, epochs=20)
    ```
    """
    labeled_batch_size = labeled_batch_size or batch_size
    if min(batch_size, labeled_batch_size) < 1:
        raise ValueError(
            f"Batches must hold images. Expected sizes of at least 1. Received "
            f"batch_size={batch_size}, labeled_batch_size={labeled_batch_size}."
        )
    if cache not in (True, False, "auto"):
        raise ValueError(
            "Images are kept in memory or they are not. Expected: cache=True, "
            f"False or 'auto'. Received cache={cache!r}."
        )
    if labeled_views is None:
        labeled_views = views
    if min(views, labeled_views) < 0:
        raise ValueError(
            f"That is no number of views. Expected `views` of at least 1, or 0 "
            f"for fresh ones. Received views={views}, "
            f"labeled_views={labeled_views}."
        )
    if isinstance(epochs, int):
        epochs = range(epochs)
    few_targets, pool_targets = _pair(targets, labeled)
    options = {"value_range": value_range, "data_dir": data_dir, "seed": seed}
    if labeled is not None:
        labeled = open_source(labeled, image_shape=image_shape, **options)
        image_shape = labeled.image_shape
    pool = open_source(
        unlabeled, labeled=False, image_shape=image_shape, **options
    )
    check_ranges({"labeled": labeled, "unlabeled": pool})
    labeled = labeled and _held(labeled, cache, epochs)
    pool = _held(pool, cache, epochs)
    mixed = open_mix(mix, mix_share, pool, labeled)
    steps = steps_per_epoch(pool, batch_size)

    def stream(source, size, tag, targets, views, mix=None):
        view = viewing(augment, source.value_range, seed, mix)
        recall, both, turns = None, False, views
        if targets is not None:
            shape = source.image_shape, source.value_range
            made = describe_views(augment, views, seed, *shape, mix)
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
            if both:
                images = mirrored(images, passes // turns % 2 == 1)
            parts = (images, *labels, *logits)
            return parts if parts[1:] else images

        batches = _epochs(epochs, seed).flat_map(records_of)
        return batches.map(decoded, num_parallel_calls=tf.data.AUTOTUNE)

    batches = stream(pool, batch_size, _UNLABELED, pool_targets, views, mixed)
    if labeled is not None:
        few = stream(
            labeled, labeled_batch_size, _LABELED, few_targets, labeled_views
        )
        batches = tf.data.Dataset.zip(few, batches)
    if targets is not None:
        batches = batches.map(
            _beside if labeled is not None else lambda *pool: _beside((), pool)
        )
    elif labeled is None:
        batches = batches.map(lambda images: (images,))
    num_epochs = 1 if epochs is None else len(epochs)
    batches = batches.apply(
        tf.data.experimental.assert_cardinality(steps * num_epochs)
    )
    return ending_at_once(batches.prefetch(_AHEAD))


def evaluation_batches(source, batch_size=256, **options):
    """Batches in order, each image once, for `evaluate` and `predict`.

    Args:
        source: Anything `open_source` takes.
        batch_size: Images a batch; the last one may hold fewer.
        **options: Passed on to `open_source`.

    Returns:
        A `tf.data.Dataset` of (image, label) batches, or of images if the
        source was opened with `labeled=False`.
    """
    if hasattr(source, "labeled"):
        options = {"labeled": source.labeled, **options}
    opened = open_source(source, **options)
    return opened.batches(batch_size).prefetch(_AHEAD)


def steps_per_epoch(unlabeled, batch_size):
    """Batches of one pass over an open pool: full ones, at least one."""
    return max(1, unlabeled.num_images // batch_size)


def _held(source, cache, epochs):
    """A source in memory, if it is wanted there; its order is checked."""
    if epochs is not None:
        source.check_order(f"its epochs, {epochs}, cannot be repeated")
    if cache is True or (
        # A dataset that differs every time has a reason, e.g. views.
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
    """The targets of the labeled images and of the pool, `None` for none."""
    if targets is None:
        return None, None
    pair = targets if isinstance(targets, (tuple, list)) else (None, targets)
    given = [one is not None for one in pair]
    if given != [labeled is not None, True]:
        raise ValueError(
            f"There must be targets of all images or of none. Expected "
            f"`targets` as a pair, of the labeled images and of the pool; of "
            f"the pool alone only with labeled=None. Received {targets!r}."
        )
    return [one and opened(one) for one in pair]


def _beside(few, pool):
    """Targets out of both parts of a batch, in a part of their own."""
    return few[:2], pool[0], (*few[2:], *pool[1:])
