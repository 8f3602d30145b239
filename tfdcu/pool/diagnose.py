"""What a teacher makes of a pool, and how the pool lies, before training."""

import numpy as np
import tensorflow as tf

from tfdcu.data import count_junk
from tfdcu.data import mean_and_deviation
from tfdcu.data import sample_of
from tfdcu.distill import channel_statistics
from tfdcu.distill import default_align_layer
from tfdcu.graph.logits import as_logits
from tfdcu.models import load
from tfdcu.pool.domain_distance import proxy_a_distance
from tfdcu.pool.outputs import check_layer
from tfdcu.pool.outputs import collect_outputs
from tfdcu.pool.outputs import opened
from tfdcu.pool.outputs import output_function
from tfdcu.pool.outputs import rounded

# With fewer labeled images, their distance to the pool is mostly chance.
FEWEST_LABELED = 10
# Both are ours. A class with less than this part of its even share is scarce.
SCARCE = 0.1
# With fewer images a class than this, chance alone makes classes scarce.
PER_CLASS = 10


def diagnose(
    teacher,
    labeled,
    unlabeled,
    *,
    num_images=2000,
    layer=None,
    image_shape=None,
    value_range=(0.0, 1.0),
    data_dir=None,
    seed=0,
):
    """Look at a pool before training on it: is it fit for this teacher?

    Costs one pass of the teacher over `num_images` images, and changes
    nothing. `compress` does it for each run; `format_diagnosis` says what
    stands out. What is measured, and from where on it counts, is ours.

    The distance is the proxy A-distance (Ben-David et al. 2010) on each
    channel's mean and standard deviation at a low-level layer of the teacher:
    what alignment works on. Junk is what `tfdcu.data.junk` counts, at the
    size at which images are read; duplicates are those within the sample,
    of which a pool may hold more.

    Args:
        teacher: A functional `keras.Model`, or the path of one.
        labeled: Anything `tfdcu.data.open_source` takes, with labels, or
            `None`.
        unlabeled: The pool, likewise; labels are dropped.
        num_images: At most this many images of each are drawn. Defaults to
            2000.
        layer: Name of the teacher's layer for the distance. Defaults to the
            one that alignment would choose in the teacher.
        image_shape: (height, width, channels) at which images are read.
            Defaults to the teacher's own.
        value_range: (low, high) of the pixels.
        data_dir: Where TFDS finds prepared data sets.
        seed: Int, draws the images. Defaults to 0.

    Returns:
        Flat dict, ready for JSON, floats to four digits:
        `num_images`, `num_labeled` (that were looked at), `num_classes` and
        `classes` (names, or `None`);
        `confidence_mean`, `_q1`, `_median`, `_q3`: the largest softmax
        probability at temperature 1, over the pool; `entropy_mean`, in nats;
        the same with `labeled_` before it (`None` without labeled images);
        `labeled_accuracy`: the teacher's, on those, in [0, 1], or `None`;
        `shares`: by the teacher's first choice, for each class;
        `effective_classes`: exp(entropy of the shares), from 1 to
        `num_classes`;
        `scarce_classes`: numbers of the classes with less than a tenth of
        their even share; `None` where fewer than `enough_images`, 10 a class,
        were looked at;
        `layer` and `a_distance`, in [0, 2]: `None` with fewer than 10 images
        on a side, or where the teacher has no such layer;
        `pixel_mean` and `pixel_deviation`, of each channel; the same with
        `labeled_` before it, or `None`;
        `flat`, `noise`, `duplicates`: counts; `junk_share`, in [0, 1].

    Raises:
        ValueError: If the teacher, the images, the layer or `num_images`
            cannot be used, or the teacher's logits are not finite.

    Example:

    >>> found = tfdcu.diagnose("teacher.keras", "digits", "printed")
    >>> print(*tfdcu.format_diagnosis(found), sep="\\n")
    """
    if num_images < 1:
        raise ValueError(
            "A pool is judged by its images. Expected: num_images >= 1. "
            f"Received: num_images={num_images}"
        )
    teacher = as_logits(load(teacher))
    layer = layer_of(teacher, layer)
    taps = {}
    if layer is not None:
        output = teacher.get_layer(layer).output
        taps["statistics"] = output, channel_statistics
    tap = output_function(teacher, **taps)
    options = {
        "image_shape": image_shape,
        "value_range": value_range,
        "data_dir": data_dir,
        "seed": seed,
    }

    def seen(images, labeled):
        source = opened(images, teacher, labeled=labeled, **options)
        source = sample_of(source, num_images, seed=seed)
        return source, collect_outputs(tap, source)

    _, pool = seen(unlabeled, False)
    source, few = (None, None) if labeled is None else seen(labeled, True)
    sure = confidence(pool["logits"])
    beside = confidence(few["logits"]) if few else {}
    num_classes = teacher.output_shape[-1]
    names = source and source.classes
    found = {
        "num_images": len(pool["logits"]),
        "num_labeled": len(few["logits"]) if few else 0,
        "num_classes": num_classes,
        "classes": list(names) if len(names or ()) == num_classes else None,
        **sure,
        **{f"labeled_{name}": beside.get(name) for name in sure},
        "labeled_accuracy": few and right(few["logits"], few["labels"]),
        **coverage(pool["logits"]),
        "layer": layer,
        "a_distance": distance(few, pool, seed),
        **colors(pool),
        **{f"labeled_{name}": value for name, value in colors(few).items()},
        **count_junk(pool),
    }
    return rounded(found)


def layer_of(teacher, layer):
    """The layer's name, the default one's, or `None` where there is none."""
    if layer is None:
        try:
            return default_align_layer(teacher)
        except ValueError:
            return None
    check_layer(teacher, layer)
    return layer


def right(logits, labels):
    """The share of images whose first choice is their label."""
    return float(np.mean(logits.argmax(-1) == labels))


def colors(answers):
    """Mean and deviation of each channel, or `None` where none were asked."""
    names = "pixel_mean", "pixel_deviation"
    if answers is None:
        return dict.fromkeys(names)
    levels = mean_and_deviation(answers["level"], answers["power"])
    return {name: list(values) for name, values in zip(names, levels)}


def distance(few, pool, seed):
    """The proxy A-distance of two outputs, or `None` if it is chance."""
    if few is None or "statistics" not in pool:
        return None
    sides = few["statistics"], pool["statistics"]
    if min(map(len, sides)) < FEWEST_LABELED:
        return None
    return proxy_a_distance(*sides, seed=seed)


def confidence(logits):
    """How sure the teacher is, at temperature 1.

    Args:
        logits: Array (num, classes).

    Returns:
        Dict of the mean and quartiles of the largest probability, and of the
        mean entropy in nats.
    """
    logs = np.asarray(tf.nn.log_softmax(logits.astype("float64")))
    largest = np.exp(logs.max(1))
    first, median, third = np.quantile(largest, [0.25, 0.5, 0.75])
    return {
        "confidence_mean": largest.mean(),
        "confidence_q1": first,
        "confidence_median": median,
        "confidence_q3": third,
        "entropy_mean": -(np.exp(logs) * logs).sum(1).mean(),
    }


def coverage(logits):
    """Which classes a pool holds, by the teacher's first choice.

    Args:
        logits: Array (num, classes).

    Returns:
        Dict of `shares`, `enough_images`, `effective_classes` and
        `scarce_classes`.
    """
    num, classes = logits.shape
    shares = np.bincount(logits.argmax(1), minlength=classes) / num
    there = shares[shares > 0]
    scarce = np.flatnonzero(shares < SCARCE / classes).tolist()
    return {
        "shares": shares.tolist(),
        "enough_images": PER_CLASS * classes,
        "effective_classes": np.exp(-(there * np.log(there)).sum()),
        "scarce_classes": scarce if num >= PER_CLASS * classes else None,
    }
