"""Diagnosis of a pool before training."""

import numpy as np
import tensorflow as tf

from tfdcu.data import check_classes
from tfdcu.data import count_junk
from tfdcu.data import mean_and_deviation
from tfdcu.data import sample_of
from tfdcu.distill import channel_statistics
from tfdcu.distill import default_align_layer
from tfdcu.graph.answers import answers_of
from tfdcu.graph.choices import most_images
from tfdcu.graph.keras_private import output_within
from tfdcu.models import load_any
from tfdcu.pool.domain_distance import proxy_a_distance
from tfdcu.pool.outputs import at_some_places
from tfdcu.pool.outputs import check_layer
from tfdcu.pool.outputs import collect_outputs
from tfdcu.pool.outputs import key_of
from tfdcu.pool.outputs import opened
from tfdcu.pool.outputs import output_function
from tfdcu.pool.outputs import rounded
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

# Minimum number of images on each side for the distance.
FEWEST_LABELED = 10
# A class is scarce below this fraction of the uniform share 1 / classes.
SCARCE = 0.1
# Minimum number of images per class for `scarce_classes`.
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
    """Measure how well a pool suits a teacher, before training.

    Takes one pass of the teacher over `num_images` images and changes nothing.
    `compress` calls it in each run; `format_diagnosis` lists what is unusual.

    The distance is the proxy A-distance (Ben-David et al. 2010) between the
    channel means and standard deviations of labeled and unlabeled images at a
    low-level layer of the teacher, the features that are aligned. Junk is as
    in `tfdcu.data.junk`, at the size at which images are read; duplicates are
    counted within the sample only.

    Args:
        teacher: A functional `keras.Model`, or the path of one.
        labeled: Anything `tfdcu.data.open_source` takes, with labels, or
            `None`.
        unlabeled: The pool, anything `open_source` takes; labels are ignored.
        num_images: Int, at least 1, maximum number of images sampled from
            each. Defaults to 2000.
        layer: Name of the teacher's layer for the distance. Defaults to
            `None`: the default layer for alignment.
        image_shape: (height, width, channels) at which images are read.
            Defaults to `None`: the teacher's input shape.
        value_range: (low, high) of the pixels. Defaults to (0, 1).
        data_dir: Directory of prepared TFDS datasets. Defaults to `None`.
        seed: Int, for sampling the images. Defaults to 0.

    Returns:
        Flat dict, JSON-serializable, floats rounded to four digits:
        `num_images` and `num_labeled`: numbers of sampled images;
        `num_classes` and `classes` (names or `None`), of several outputs those
        of all one after another;
        `confidence_mean`, `_q1`, `_median`, `_q3`: the largest softmax
        probability over the pool; `entropy_mean`, in nats; the same with the
        prefix `labeled_` (`None` without labeled images);
        `labeled_accuracy`: of the teacher, in [0, 1], or `None`;
        `shares`: share of the pool in each predicted class;
        `effective_classes`: exp(entropy of the shares), from 1 to
        `num_classes`;
        `scarce_classes`: indices of the classes below a tenth of the uniform
        share; `None` with fewer than `enough_images`, 10 per class;
        `layer` and `a_distance`, in [0, 2]: `None` with fewer than 10 images
        on a side or without a suitable layer;
        `pixel_mean` and `pixel_deviation` of each channel; the same with the
        prefix `labeled_`, or `None`, as for other inputs than images;
        `flat`, `noise`, `duplicates`: counts; `junk_share`, in [0, 1]; of
        other inputs than images only duplicates are junk.

    Raises:
        ValueError: If an argument is invalid or the teacher's logits are not
            finite.

    Example:

    >>> diagnosis = tfdcu.diagnose("teacher.keras", "digits", "printed")
    >>> print(*tfdcu.format_diagnosis(diagnosis), sep="\\n")
    """
    check_arguments(num_images=num_images, seed=seed)
    with naming("teacher"):
        teacher = load_any(teacher)
        answers = answers_of(teacher)
    layer = layer_of(teacher, layer)
    taps = {}
    if layer is not None:
        output = output_within(teacher, layer)
        taps["statistics"] = output, channel_statistics
    outputs_of = output_function(teacher, **taps)
    options = {
        "image_shape": image_shape,
        "label_shape": answers.label_shape,
        "value_range": value_range,
        "data_dir": data_dir,
        "seed": seed,
    }

    def sampled(name, images, labeled):
        with naming(name):
            source = opened(images, teacher, labeled=labeled, **options)
            if labeled and answers.only and not source.label_shape:
                check_classes(source, answers.only.num_classes)
        return sample_of(source, num_images, seed=seed)

    def labels_of(rows):
        return {
            key_of("labels", name, answers.by_name): at_some_places(
                rows, int(answers.by_name[name].several_labels)
            )
            for name, rows in answers.unpack(rows).items()
        }

    def outputs_for(source):
        shapes = [one.shape for one in answers.by_name.values()]
        size = most_images(shapes, 128)
        return collect_outputs(outputs_of, source, labels_of, size)

    images, source = sampled("unlabeled", unlabeled, False), None
    if labeled is not None:
        source = sampled("labeled", labeled, True)
    pool, labeled_outputs = outputs_for(images), None
    if source is not None:
        labeled_outputs = outputs_for(source)
    pool_confidence = confidence(*as_choices(pool, answers))
    labeled_confidence = (
        confidence(*as_choices(labeled_outputs, answers))
        if labeled_outputs
        else {}
    )
    results = {
        "num_images": images.num_images,
        "num_labeled": source.num_images if source else 0,
        **class_names(source and source.classes, answers),
        **pool_confidence,
        **{
            f"labeled_{name}": labeled_confidence.get(name)
            for name in pool_confidence
        },
        "labeled_accuracy": labeled_outputs
        and accuracy(labeled_outputs, answers),
        **coverage_of_all(pool, answers),
        "layer": layer,
        "a_distance": distance(labeled_outputs, pool, seed),
        **colors(pool),
        **{
            f"labeled_{name}": value
            for name, value in colors(labeled_outputs).items()
        },
        **count_junk(pool),
    }
    return rounded(results)


def layer_of(teacher, layer):
    """Name of the layer or of the default one; `None` if there is none."""
    if layer is None:
        try:
            return default_align_layer(teacher)
        except ValueError:
            return None
    check_layer(teacher, layer)
    return layer


def class_names(names, answers):
    """Number of the classes, and their names in a list or `None`.

    Those of several outputs, one after another, begin with its name.
    """
    counts = {name: one.num_classes for name, one in answers.by_name.items()}
    count = sum(counts.values())
    names = list(names) if len(names or ()) == count else None
    if answers.several:
        names = [f"{n} {index}" for n in counts for index in range(counts[n])]
    return {"num_classes": count, "classes": names}


def by_output(kind, outputs, answers):
    """List of (what was collected of an output, its `Answer`)."""
    return [
        (outputs[key_of(kind, name, answers.by_name)], one)
        for name, one in answers.by_name.items()
    ]


def accuracy(outputs, answers):
    """Share of images, or of labels or places, whose answer is right.

    The mean over several outputs.
    """
    found = []
    for (logits, one), (labels, _) in zip(
        by_output("logits", outputs, answers),
        by_output("labels", outputs, answers),
    ):
        chosen = logits > 0 if one.several_labels else logits.argmax(-1)
        found.append(np.mean(chosen == labels))
    return float(np.mean(found))


def colors(outputs):
    """Mean and standard deviation of each channel; `None` without images."""
    names = "pixel_mean", "pixel_deviation"
    if outputs is None or "level" not in outputs:
        return dict.fromkeys(names)
    levels = mean_and_deviation(outputs["level"], outputs["power"])
    return {name: list(values) for name, values in zip(names, levels)}


def distance(labeled_outputs, pool, seed):
    """The proxy A-distance; `None` if there is no layer or too few images."""
    if labeled_outputs is None or "statistics" not in pool:
        return None
    sides = labeled_outputs["statistics"], pool["statistics"]
    if min(map(len, sides)) < FEWEST_LABELED:
        return None
    return proxy_a_distance(*sides, seed=seed)


def as_choices(outputs, answers):
    """The logits of each output, (..., classes), as a list.

    Where an image has several labels, the yes and no of each is a choice.
    """
    return [
        np.stack([logits, np.zeros_like(logits)], -1)
        if one.several_labels
        else logits
        for logits, one in by_output("logits", outputs, answers)
    ]


def confidence(*outputs):
    """Summary of the softmax confidences, of all outputs together.

    Args:
        *outputs: Arrays of logits (..., classes).

    Returns:
        Dict of the mean and quartiles of the largest probability, and the mean
        entropy in nats.
    """
    largest, entropy = [], []
    for logits in outputs:
        logits = logits.reshape(-1, logits.shape[-1]).astype("float64")
        logs = np.asarray(tf.nn.log_softmax(logits))
        largest.append(np.exp(logs.max(1)))
        entropy.append(-(np.exp(logs) * logs).sum(1))
    largest, entropy = map(np.concatenate, (largest, entropy))
    first, median, third = np.quantile(largest, [0.25, 0.5, 0.75])
    return {
        "confidence_mean": largest.mean(),
        "confidence_q1": first,
        "confidence_median": median,
        "confidence_q3": third,
        "entropy_mean": entropy.mean(),
    }


def coverage_of_all(outputs, answers):
    """As `coverage`, of the outputs one after another."""
    each = [coverage(one) for one, _ in by_output("logits", outputs, answers)]
    starts = np.cumsum([0, *(len(one["shares"]) for one in each)]).tolist()
    scarce = [
        [start + index for index in one["scarce_classes"]]
        for start, one in zip(starts, each)
        if one["scarce_classes"] is not None
    ]
    return {
        "shares": [share for one in each for share in one["shares"]],
        "enough_images": max(one["enough_images"] for one in each),
        "effective_classes": sum(one["effective_classes"] for one in each),
        "scarce_classes": sum(scarce, []) if len(scarce) == len(each) else None,
    }


def coverage(logits):
    """Distribution of the predicted classes.

    Args:
        logits: Array (num, classes), or (num, places, classes) of maps; there
            a class is scarce if few images show it at all.

    Returns:
        Dict of `shares`, `enough_images`, `effective_classes` and
        `scarce_classes`.
    """
    num, classes = len(logits), logits.shape[-1]
    chosen = logits.argmax(-1).reshape(num, -1)
    shares = np.bincount(chosen.ravel(), minlength=classes) / chosen.size
    present = shares[shares > 0]
    shown = [(chosen == one).any(1).mean() for one in range(classes)]
    scarce = np.flatnonzero(np.array(shown) < SCARCE / classes).tolist()
    return {
        "shares": shares.tolist(),
        "enough_images": PER_CLASS * classes,
        "effective_classes": np.exp(-(present * np.log(present)).sum()),
        "scarce_classes": scarce if num >= PER_CLASS * classes else None,
    }
