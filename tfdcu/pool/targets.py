"""Teacher targets: logits computed once and stored for training."""

import numbers
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdcu.data import claim
from tfdcu.data import describe_images
from tfdcu.data import describe_views
from tfdcu.data import name_of
from tfdcu.data import open_source
from tfdcu.graph.images import check_whole_numbers
from tfdcu.pool.teacher import Teacher
from tfdcu.pool.teacher import mirrored
from tfdcu.pool.teacher import open_teacher
from tfdcu.pool.write_targets import Collector
from tfdcu.pool.write_targets import changed_images
from tfdcu.pool.write_targets import view_batches
from tfdcu.report import ProgressBar
from tfdcu.workdir.arguments import SWITCH
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.atomic import remove_temporary


def _is_shard(value):
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    whole = pair and all(isinstance(n, numbers.Integral) for n in value)
    return whole and 0 <= value[0] < value[1]


SHARD = "(index, count) with 0 <= index < count", _is_shard


def teacher_targets(
    teacher,
    images,
    path,
    *,
    views=1,
    augment=None,
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

    Training then reads them from disk (`training_batches(targets=...)`)
    without running the teacher. A view is a pure function of the image's index
    in its source, the view number and `seed`, so the student sees exactly the
    views that the teacher saw: consistent teaching (Beyer et al. 2022,
    arXiv:2106.05237) with stored targets (Shen & Xing 2022, FKD,
    arXiv:2112.01528).

    Called again with the same arguments, it resumes after the last finished
    shard; finished shards are verified against the images and not recomputed.
    A folder with targets of another teacher, other images or other views is
    an error. Memory use does not grow with the pool. For several machines see
    `tfdcu.pool.beam.teacher_targets`.

    Args:
        teacher: A functional `keras.Model`, or its `.keras` or `.h5` path; a
            `.tflite` path; the folder of a SavedModel with one input and one
            output, which can execute arbitrary code: open only trusted ones;
            or a function from float32 images (batch, height, width, channels)
            to an array (batch, classes). Images are resized for models but
            not for functions. Outputs of a teacher other than a Keras model
            are taken as probabilities if those for the first images are rows
            in [0, 1] that sum to 1, and otherwise as logits; probabilities
            are converted by the logarithm. A Keras model is identified by its
            weights, a file by its bytes, a function by its outputs for the
            first images. A `tfdcu.pool.teacher.Teacher` is used as it is.
        images: Anything `tfdcu.data.open_source` takes; labels are ignored.
        path: Folder of the targets.
        views: Int, number of views per image, at least 1; must be 1 if
            `augment` is `None`. Defaults to 1.
        augment: As in `tfdcu.data.training_batches`. Defaults to `None`.
        mirror: Whether to average the teacher's logits over each view and its
            horizontal flip, at twice the cost; for classes that do not change
            under flips. Training uses the targets for both: first the views
            in turn, then their flips. Defaults to `False`.
        top_k: Int; store only this number of the largest logits and the
            log-sum-exp of the others, which training spreads evenly over
            them. This preserves the sum of their probabilities at
            temperature 1. Defaults to `None`: all logits.
        batch_size: Int, images per forward pass. Defaults to 256.
        shard_size: Int, images per file, which is also the most that is
            recomputed after an interruption. Defaults to 2048.
        shard: (index, count): this process computes every `count`-th shard
            starting from `index`, independently of other processes. `None`
            computes none, but validates and creates (or renews) the folder
            before other processes start. Defaults to (0, 1): all shards.
        shared: Whether `path` contains several sets of targets. Each then gets
            a subfolder named by teacher, images and views, which later calls
            with the same arguments reuse. Defaults to `False`.
        image_shape: (height, width, channels); `None` for the images' own.
        value_range: (low, high) of the pixels. Defaults to (0, 1).
        data_dir: Directory of prepared TFDS datasets. Defaults to `None`.
        renew: Whether to recompute and overwrite existing targets. Not while
            other processes write. Defaults to `False`.
        seed: Int from 0 to 2**30 - 1, for the views; must equal that of
            `training_batches`. Defaults to 0.

    Returns:
        `tfdcu.data.Targets` of the folder; incomplete while shards of other
        processes are missing.

    Raises:
        ValueError: If an argument is invalid, a logit is not finite or exceeds
            the range of float16, or the folder contains other targets.

    Example:

    >>> labeled = tfdcu.teacher_targets(teacher, "digits", "targets/labeled")
    >>> pool = tfdcu.teacher_targets(teacher, "printed", "targets/pool")
    >>> model = tfdcu.AlignedDistiller(student, teacher=None)
    >>> model.compile()
    >>> model.fit(
    ...     tfdcu.data.training_batches(
    ...         "digits", "printed", targets=(labeled, pool)
    ...     )
    ... )
    """
    check_arguments(path=path, mirror=mirror, renew=renew, seed=seed)
    check("shared", shared, SWITCH)
    if top_k is not None:
        check_arguments(top_k=top_k)
    share = (0, 1) if shard is None else shard
    check_numbers(views, augment, batch_size, shard_size, share)
    options = {"value_range": value_range, "data_dir": data_dir, "seed": seed}
    with naming("images"):
        source = open_source(
            images, labeled=False, image_shape=image_shape, **options
        )
    fingerprint = {
        "shard_size": shard_size,
        "images": describe_images(source),
        "view": describe_views(
            augment, views, seed, source.image_shape, source.value_range
        ),
    }
    size = min(batch_size, source.num_images)
    opened = teacher
    if not isinstance(teacher, Teacher):
        with naming("teacher"):
            opened = open_teacher(teacher, next(iter(source.batches(size))))
    check_whole_numbers(opened.dtype, source.value_range)
    if mirror and source.value_range is None:
        raise ValueError(
            "Only images have mirror images. Expected: mirror=False for other "
            f"inputs. Received: mirror=True for inputs of shape "
            f"{source.image_shape}"
        )
    if mirror:
        opened = mirrored(opened)
    fingerprint |= {
        "teacher": opened.digest,
        "mirror": bool(mirror),
        "classes": opened.classes,
        "top_k": checked_top_k(top_k, opened.classes, opened.multi_label),
    }
    if shared:
        path = Path(path) / name_of(fingerprint, source)
    targets = claim(path, fingerprint, renew=renew, shard=share)
    if share == (0, 1):
        remove_temporary(path)
    shards = range(share[0], targets.num_shards, share[1])
    if shard is None:
        shards = ()
    missing = targets.missing(shards)
    check_images(targets, source, [n for n in shards if n not in missing])
    ids = targets.ids([n for n in shards if n in missing])
    batches = view_batches(source, ids, size, augment, views, seed)
    collector = Collector(targets)
    with ProgressBar("targets", len(ids) * views) as bar:
        for places, view, pixels, batch in batches:
            logits = padded_logits(opened.logits, batch, size)
            collector.add(places.numpy(), int(view), pixels.numpy(), logits)
            bar.update(len(logits))
    return targets


def padded_logits(function, images, size):
    """Logits of a batch, padded to full size for the forward pass.

    Args:
        function: Function from images to logits.
        images: Tensor (batch, height, width, channels).
        size: Int, full batch size; smaller batches repeat the last image.

    Returns:
        Array (batch, classes).
    """
    num = len(images)
    if num < size:
        filling = tf.repeat(images[-1:], size - num, 0)
        images = tf.concat([images, filling], 0)
    return np.asarray(function(images))[:num]


def check_images(targets, source, numbers):
    """Raise if finished shards were computed from other images."""
    changed = changed_images(targets, source, numbers) if numbers else 0
    if changed:
        raise ValueError(
            f"The targets in '{targets.path}' are of other images. Expected: "
            f"the images they were computed from, another path, or renew=True "
            f"to recompute them. Received: {source.name}, in which {changed} "
            f"images differ"
        )


def check_numbers(
    views, augment, batch_size=256, shard_size=2048, shard=(0, 1)
):
    """Validate the numbers among the arguments of `teacher_targets`."""
    check_arguments(views=views, batch_size=batch_size, shard_size=shard_size)
    if views < 1 or (augment is None and views > 1):
        raise ValueError(
            "Invalid number of views. Expected: views >= 1, and 1 if "
            f"`augment` is None. Received: views={views}, augment={augment!r}"
        )
    check("shard", shard, SHARD)


def checked_top_k(top_k, classes, multi_label=False):
    """Validate `top_k`; `None` if it is the number of classes."""
    if top_k is None or top_k == classes:
        return None
    if multi_label:
        raise ValueError(
            "`top_k` is for classes that share a softmax. Expected: "
            "top_k=None for a teacher of several labels an image. Received: "
            f"top_k={top_k}"
        )
    check_arguments(top_k=top_k)
    if top_k > classes:
        raise ValueError(
            f"Invalid value for `top_k`. Expected: top_k from 1 to "
            f"{classes}, the teacher's classes, or None. Received: "
            f"top_k={top_k}"
        )
    return top_k
