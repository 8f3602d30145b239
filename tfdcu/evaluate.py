"""Accuracy and agreement of models and files."""

import os
from pathlib import Path

import numpy as np

from tfdcu import data
from tfdcu import export
from tfdcu import models
from tfdcu.graph.inference import compiled
from tfdcu.graph.resize import resized
from tfdcu.workdir.arguments import naming


def evaluate(model, source, *, against=None, **options):
    """Measure accuracy, and agreement with another model, on images.

    For any classifier: a `keras.Model`, a `.keras` or `.h5` file, or a
    `.tflite` file, which runs in the LiteRT interpreter.

    Args:
        model: A `keras.Model`, or the path of a model.
        source: Anything `tfdcu.data.open_source` takes. Without labels,
            only the agreement is measured.
        against: Second model to compare with, like `model`. Defaults to
            `None`.
        **options: Passed to `tfdcu.data.open_source`: `split`, `data_dir`,
            `labeled`, `image_shape` for a model without fixed input size, and
            `classes` and `value_range`, which default to those in the JSON
            file of a `.tflite` file.

    Returns:
        Dict with `accuracy` and `agreement`, in [0, 1] or `None`, and
        `num_images`.

    Raises:
        ValueError: If the model or the source cannot be opened, or a label is
            not a class of the model.

    Example:

    >>> tfdcu.evaluate("student_int8.tflite", "digits", split="test")
    {'accuracy': 0.97, 'agreement': None, 'num_images': 500}
    """
    with naming("against"):
        options = {**file_options(against), **options}
    with naming("model"):
        options = {**file_options(model), **options}
    with naming("model"):
        function, image_shape = as_function(model)
    with naming("source"):
        function, images = open_for(function, image_shape, source, options)
    second = None
    if against is not None:
        with naming("against"):
            second = as_function(against)
    if against is not None:
        images.check_order("two models would see different images")
    predicted, labels = predictions(function, images)
    others = None
    if second is not None:
        others, _ = predictions(*open_for(*second, source, options))
    return {
        "accuracy": agreement(predicted, labels),
        "agreement": agreement(predicted, others),
        "num_images": len(predicted),
    }


def file_options(model):
    """Classes and pixel range of a `.tflite` file, from its JSON file.

    Args:
        model: A `keras.Model`, the path of a model, or `None`.

    Returns:
        Dict of keyword arguments of `tfdcu.data.open_source`.
    """
    if not is_litert(model):
        return {}
    file = export.LiteRTModel(model)
    options = {"classes": file.classes, "value_range": file.value_range}
    return {name: value for name, value in options.items() if value}


def predict_classes(model, source, **options):
    """Predicted classes of any kind of model, and the source's labels.

    Args:
        model: A `keras.Model`, or the path of a model.
        source: Anything `tfdcu.data.open_source` takes. Images of a `Source`
            are resized to the model's input size.
        **options: Passed to `tfdcu.data.open_source`.

    Returns:
        Int arrays (n,): predicted classes, and labels or `None`.
    """
    return predictions(*open_both(model, source, options))


def open_both(model, source, options):
    """A model as a function from images to logits, and the opened source."""
    return open_for(*as_function(model), source, options)


def open_for(function, image_shape, source, options):
    """A function on the images of a source, and the source.

    Args:
        function, image_shape: What `as_function` returned.
        source, options: As in `open_both`.
    """
    if isinstance(source, data.Source):
        shape = (None, *image_shape)
        return lambda images: function(resized(images, shape)), reopen(
            source, **options
        )
    if None not in image_shape:
        options = {"image_shape": image_shape, **options}
    return function, data.open_source(source, **options)


def reopen(source, labeled=None, value_range=None, **options):
    """An opened source with the model's order of classes.

    `image_shape` is ignored: images are resized for each model.
    """
    options.pop("image_shape", None)
    expected = value_range and tuple(float(end) for end in value_range)
    if expected not in (None, source.value_range):
        raise ValueError(
            f"The pixels of {source.name} have another range than the model's. "
            f"Expected: a source opened with value_range={expected}. Received: "
            f"value_range={source.value_range}"
        )
    labeled = source.labeled if labeled is None else labeled
    return data.open_source(source, labeled=labeled, **options)


def as_function(model):
    """Any model as (function from images to logits, input shape)."""
    if is_litert(model):
        interpreter = export.LiteRTModel(model)
        return interpreter, interpreter.input_shape
    model = models.load(model)
    return compiled(model), model.input_shape[1:]


def is_litert(model):
    """Whether `model` is the path of a `.tflite` file."""
    is_path = isinstance(model, (str, os.PathLike))
    return is_path and Path(model).suffix == ".tflite"


def predictions(function, source, batch_size=256):
    """Predicted classes and labels of all images of a `Source`, in order.

    Args:
        function: From images (batch, height, width, channels) to logits.
        source: A `tfdcu.data.Source`.
        batch_size: Int. Defaults to 256.

    Returns:
        Int arrays (n,): predicted classes, and labels or `None`.
    """
    predicted, labels = [], []
    for batch in data.evaluation_batches(source, batch_size):
        images = batch[0] if source.labeled else batch
        logits = np.asarray(function(images))  # (batch, classes)
        check_outputs(logits)
        predicted.append(logits.argmax(axis=-1))
        if source.labeled:
            labels.append(batch[1])
            check_labels(source.name, labels[-1], logits.shape[-1])
    return np.concatenate(predicted), np.concatenate(labels) if labels else None


def check_outputs(logits):
    """Raise if a model has a single output, which has no largest class."""
    if logits.shape[-1] == 1:
        raise ValueError(
            "The model has a single output. Expected: one logit per class; "
            "`tfdcu.models.load` converts the single output of a Keras model "
            "to two, and so have files exported from it. Received: one output"
        )


def check_labels(name, labels, num_classes):
    """Raise if a label is not a class of the model."""
    if np.max(labels) >= num_classes:
        raise ValueError(
            f"The labels of {name} do not match the model. Expected: labels "
            f"from 0 to {num_classes - 1}. Received: {np.max(labels)}"
        )


def agreement(first, second):
    """Share of equal entries; `None` if `second` is `None`."""
    return None if second is None else float(np.mean(first == second))
