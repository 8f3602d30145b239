"""Teacher targets: ask the giant once, then train at the student's cost."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdcu.data import claim
from tfdcu.data import describe_images
from tfdcu.data import describe_views
from tfdcu.data import name_of
from tfdcu.data import open_mix
from tfdcu.data import open_source
from tfdcu.pool.teacher import Teacher
from tfdcu.pool.teacher import mirrored
from tfdcu.pool.teacher import open_teacher
from tfdcu.pool.write_targets import Collector
from tfdcu.pool.write_targets import changed_images
from tfdcu.pool.write_targets import view_batches
from tfdcu.report import ProgressBar
from tfdcu.workdir.atomic import remove_temporary


def teacher_targets(
    teacher,
    images,
    path,
    *,
    views=1,
    augment=None,
    mix=None,
    mix_share=0.5,
    partners=None,
    mirror=False,
    top_k=None,
    batch_size=256,
    shard_size=2048,
    shard=(0, 1),
    shared=False,
    image_shape=None,
    value_range=(0.0, 1.0),
    data_dir=None,
    renew=False,
    seed=0,
):
    """Store a teacher's logits for `views` views of every image of a pool.

    Training then takes them from disk (`training_batches(targets=...)`),
    without a teacher. A view is a pure function of the image's place in its
    source, the view's number and `seed`, so the student gets, bit for bit,
    what the teacher saw: consistent teaching (Beyer et al. 2022,
    arXiv:2106.05237) with stored labels (Shen & Xing 2022, FKD,
    arXiv:2112.01528). How a view is re-created, and the checks, are ours.

    Called again with the same arguments it goes on after the last finished
    shard; finished ones are compared with the images and not computed again.
    A folder that holds targets of another teacher, of other images or views
    is refused. Memory does not grow with the pool; for one that outgrows the
    machine there is `tfdcu.pool.beam.teacher_targets`.

    Args:
        teacher: A functional `keras.Model`, or its `.keras` or `.h5` path; a
            `.tflite` path; the folder of a SavedModel with one input and one
            output, which runs what it holds: open only those that you trust;
            or a function from float32 images (batch, height, width, channels)
            to an array (batch, classes). Models get images resized to their
            own size, functions as they are. What a teacher other than a Keras
            model says about the first images decides whether it gives logits
            or probabilities, rows in [0, 1] that sum to 1, of which the
            logarithm is taken. Models are told apart by their weights, files
            by their bytes, functions by their answer to the first images.
            One that is open already, a `tfdcu.pool.teacher.Teacher`, is taken
            so.
        images: Anything `tfdcu.data.open_source` takes; labels are dropped.
        path: Folder of the targets.
        views: How many views each image has, at least 1; 1 where `augment` and
            `mix` are `None`. Defaults to 1.
        augment: As in `tfdcu.data.training_batches`. Defaults to `None`.
        mix, mix_share: As in `tfdcu.data.training_batches`, for targets of the
            pool; those of labeled images are made without. Default to `None`
            and 0.5.
        partners: What the images are mixed with, anything `open_source`
            takes: the labeled images that are trained on. Defaults to `None`,
            the images themselves, as when there are no labeled ones.
        mirror: Whether a view's logits are the mean of the teacher's for it
            and for its mirror image, left and right exchanged, at twice the
            cost; for images whose mirror images are of the same class. One
            answer then serves both: training has the views in turn, then
            their mirror images. Defaults to `False`.
        top_k: Int; only that many of the largest logits of a view are kept,
            and the log-sum-exp of the others, which is spread evenly over
            them in training: their probabilities at temperature 1 keep their
            sum. Defaults to `None`, all of them.
        batch_size: Images the teacher sees at once. Defaults to 256.
        shard_size: Images a file; at most that is lost when a run is killed.
            Defaults to 2048.
        shard: (index, count): this process computes every `count`-th shard
            from the `index`-th on. Processes need not know of one another.
            `None` computes none: the folder is checked and begun, or renewed,
            for processes that start afterwards. Defaults to (0, 1), all.
        shared: Whether `path` is a folder of many targets: these get a folder
            of their own in it, named by teacher, images and views, and found
            there by the next call that asks the same. Defaults to `False`.
        image_shape: (height, width, channels); `None` for the images' own.
        value_range: (low, high) of the pixels.
        data_dir: Where TFDS finds prepared data sets.
        renew: Whether to compute everything anew, whatever is there. Do not
            renew while other processes write. Defaults to `False`.
        seed: Int from 0 to 2**30 - 1, of the views; that of the batches.

    Returns:
        `tfdcu.data.Targets` on the folder; not finished as long as other
        processes' shards are missing.

    Raises:
        ValueError: If the teacher or the images cannot be used, a number is
            out of range, a logit is not finite or beyond float16, or the
            folder holds targets of something else.

    Example:

    >>> few = tfdcu.teacher_targets(teacher, "digits", "targets/labeled")
    >>> pool = tfdcu.teacher_targets(teacher, "printed", "targets/pool")
    >>> model = tfdcu.AlignedDistiller(student, teacher=None)
    >>> model.compile()
    >>> model.fit(
    ...     tfdcu.data.training_batches(
    ...         "digits", "printed", targets=(few, pool)
    ...     )
    ... )
    """
    share = (0, 1) if shard is None else shard
    check_numbers(views, augment, batch_size, shard_size, share, mix)
    options = {"value_range": value_range, "data_dir": data_dir, "seed": seed}
    source = open_source(
        images, labeled=False, image_shape=image_shape, **options
    )
    if partners is not None:
        partners = open_source(
            partners, labeled=False, image_shape=source.image_shape, **options
        )
    mixed = open_mix(mix, mix_share, source, partners)
    described = {
        "shard_size": shard_size,
        "images": describe_images(source),
        "view": describe_views(
            augment, views, seed, source.image_shape, source.value_range, mixed
        ),
    }
    size = min(batch_size, source.num_images)
    opened = teacher
    if not isinstance(teacher, Teacher):
        opened = open_teacher(teacher, next(iter(source.batches(size))))
    if mirror:
        opened = mirrored(opened)
    described |= {
        "teacher": opened.digest,
        "mirror": bool(mirror),
        "classes": opened.classes,
        "top_k": checked_top_k(top_k, opened.classes),
    }
    if shared:
        path = Path(path) / name_of(described, source)
    targets = claim(path, described, renew=renew, shard=share)
    if share == (0, 1):
        remove_temporary(path)
    own = range(share[0], targets.num_shards, share[1])
    if shard is None:
        own = ()
    missing = targets.missing(own)
    check_images(targets, source, [n for n in own if n not in missing])
    ids = targets.ids([n for n in own if n in missing])
    batches = view_batches(source, ids, size, augment, views, seed, mixed)
    collector = Collector(targets)
    with ProgressBar("targets", len(ids) * views) as bar:
        for places, view, pixels, batch in batches:
            logits = ask_padded(opened.logits, batch, size)
            collector.add(places.numpy(), int(view), pixels.numpy(), logits)
            bar.update(len(logits))
    return targets


def ask_padded(ask, images, size):
    """Logits of a batch, which is asked about at its full size.

    Args:
        ask: Function from images to logits.
        images: Tensor (batch, height, width, channels).
        size: Images of a full batch; the last image fills up a smaller one.

    Returns:
        Array (batch, classes).
    """
    num = len(images)
    if num < size:
        filling = tf.repeat(images[-1:], size - num, 0)
        images = tf.concat([images, filling], 0)
    return np.asarray(ask(images))[:num]


def check_images(targets, source, numbers):
    """Raise if finished shards are of other images than those of a source."""
    changed = changed_images(targets, source, numbers) if numbers else 0
    if changed:
        raise ValueError(
            f"The targets in '{targets.path}' are of other images. Expected: "
            f"the pixels they were made of, another path, or renew=True to "
            f"make them anew. Received: {source.name}, in which {changed} "
            f"images differ"
        )


def check_numbers(views, augment, batch_size, shard_size, shard, mix=None):
    """Raise the error of the first number that is out of range."""
    if min(batch_size, shard_size) < 1:
        raise ValueError(
            "Batches and shards must hold images. Expected: sizes of at least "
            f"1. Received: batch_size={batch_size}, shard_size={shard_size}"
        )
    if views < 1 or (augment is None and mix is None and views > 1):
        raise ValueError(
            "That is no number of views. Expected: views of at least 1, and 1 "
            f"where nothing is augmented or mixed. Received: views={views}, "
            f"augment={augment!r}, mix={mix!r}"
        )
    if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
        raise ValueError(
            "That is no share of the work. Expected: shard=(index, count) "
            f"with 0 <= index < count. Received: shard={shard!r}"
        )


def checked_top_k(top_k, classes):
    """`top_k`, or `None` where that is all classes."""
    if top_k is None or top_k == classes:
        return None
    if not 0 < top_k < classes:
        raise ValueError(
            f"So many logits cannot be kept. Expected: top_k from 1 to "
            f"{classes}, the teacher's classes, or None. Received: "
            f"top_k={top_k}"
        )
    return top_k
