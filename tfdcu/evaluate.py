"""How often a model is right, whatever kind of model it is."""

import os
from pathlib import Path

import numpy as np

from tfdcu import data
from tfdcu import export
from tfdcu import models
from tfdcu.models.resize import resized


def evaluate(model, source, *, against=None, **options):
    """Accuracy, and agreement with another model, on a source of images.

    Use it for any trained classifier: a live model, a `.keras` or `.h5` file
    or a `.tflite` file, which runs in the real interpreter.

    Args:
        model: A `keras.Model`, or the path of a model.
        source: Anything `tfdcu.data.open_source` takes. Without labels,
            only the agreement is measured.
        against: Optional second model, like `model`.
        **options: Passed to `tfdcu.data.open_source`: `split`, `data_dir`,
            `labeled`, `image_shape` for a model that takes any size, and
            `classes` and `value_range`, which default to those in the JSON
            beside a `.tflite` file.

    Returns:
        Dict with `accuracy` and `agreement`, shares in [0, 1] or `None`, and
        `num_images`.

    Raises:
        ValueError: If the model or the source cannot be opened, or if labels
            do not fit the model's classes.

    Example:

    >>> tfdcu.evaluate("student_int8.tflite", "digits", split="test")
    {'accuracy': 0.97, 'agreement': None, 'num_images': 500}
    """
    options = {**stated(against), **stated(model), **options}
    ask, images = asking(model, source, options)
    if against is not None:
        images.check_order("two models do not see the same")
    choices, labels = predictions(ask, images)
    others = None
    if against is not None:
        others, _ = predict_classes(against, source, **options)
    return {
        "accuracy": agreement(choices, labels),
        "agreement": agreement(choices, others),
        "num_images": len(choices),
    }


def stated(model):
    """The classes and pixels of a LiteRT file, if the JSON beside it has them.

    Args:
        model: A `keras.Model`, the path of a model, or `None`.

    Returns:
        Dict of keywords of `tfdcu.data.open_source`.
    """
    if not is_litert(model):
        return {}
    file = export.LiteRTModel(model)
    known = {"classes": file.classes, "value_range": file.value_range}
    return {name: value for name, value in known.items() if value}


def predict_classes(model, source, **options):
    """First choices of a model of any kind, and the source's labels.

    Args:
        model: A `keras.Model`, or the path of a model.
        source: Anything `tfdcu.data.open_source` takes. A `Source` is read
            as it was opened, and its images resized for the model if need be.
        **options: Passed to `tfdcu.data.open_source`.

    Returns:
        Int arrays (n,): choices, and labels or `None`.
    """
    return predictions(*asking(model, source, options))


def asking(model, source, options):
    """A model as a function, and the opened source of what it is asked."""
    ask, image_shape = as_function(model)
    if isinstance(source, data.Source):
        shape = (None, *image_shape)
        return lambda images: ask(resized(images, shape)), as_stated(
            source, **options
        )
    if None not in image_shape:
        options = {"image_shape": image_shape, **options}
    return ask, data.open_source(source, **options)


def as_stated(source, labeled=None, value_range=None, **options):
    """An opened source in the model's order of classes, if it can be read so.

    Its size may be another: images are resized for each model.
    """
    options.pop("image_shape", None)
    wanted = value_range and tuple(float(end) for end in value_range)
    if wanted not in (None, source.value_range):
        raise ValueError(
            f"{source.name} has pixels of another range than the model takes. "
            f"Expected a source opened with value_range={wanted}. Received "
            f"{source.value_range}."
        )
    labeled = source.labeled if labeled is None else labeled
    return data.open_source(source, labeled=labeled, **options)


def as_function(model):
    """Any model as (function from images to logits, image shape)."""
    if is_litert(model):
        interpreter = export.LiteRTModel(model)
        return interpreter, interpreter.input_shape
    model = models.load(model)
    return lambda images: model(images, training=False), model.input_shape[1:]


def is_litert(model):
    """Whether it is the path of a `.tflite` file."""
    is_path = isinstance(model, (str, os.PathLike))
    return is_path and Path(model).suffix == ".tflite"


def predictions(ask, source, batch_size=256):
    """First choices and labels of all images of a `Source`, in order.

    Args:
        ask: Function from images (batch, height, width, channels) to logits.
        source: A `tfdcu.data.Source`.
        batch_size: Int. Defaults to 256.

    Returns:
        Int arrays (n,): choices, and labels or `None`.
    """
    choices, labels = [], []
    for batch in data.evaluation_batches(source, batch_size):
        images = batch[0] if source.labeled else batch
        logits = np.asarray(ask(images))  # (batch, classes)
        check_scores(logits)
        choices.append(logits.argmax(axis=-1))
        if source.labeled:
            labels.append(batch[1])
            check_labels(source.name, labels[-1], logits.shape[-1])
    return np.concatenate(choices), np.concatenate(labels) if labels else None


def check_scores(logits):
    """Raise if a file has one output, of which no class is the largest."""
    if logits.shape[-1] == 1:
        raise ValueError(
            "The model's choices are not known. Expected: a score for each "
            "class; `tfdcu.models.load` makes two of a Keras model's one, and "
            "files made of that have two. Received: one output"
        )


def check_labels(name, labels, num_classes):
    """Raise if there is a label that the model has no output for."""
    if np.max(labels) >= num_classes:
        raise ValueError(
            f"The labels of {name} do not fit the model. Expected: labels "
            f"from 0 to {num_classes - 1}. Received: {np.max(labels)}"
        )


def agreement(first, second):
    """Share of equal entries, or `None` where there is nothing to compare."""
    return None if second is None else float(np.mean(first == second))
