"""Accuracy and agreement of models and files."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfdcu import data
from tfdcu import export
from tfdcu import models
from tfdcu.graph.answers import choices
from tfdcu.graph.answers import label_shape
from tfdcu.graph.answers import mean_average_precision
from tfdcu.graph.answers import mean_iou
from tfdcu.graph.answers import most_images
from tfdcu.graph.heads import answer_kind
from tfdcu.graph.images import check_whole_numbers
from tfdcu.graph.inference import compiled
from tfdcu.workdir.arguments import naming


def evaluate(model, source, *, against=None, **options):
    """Measure accuracy, and agreement with another model, on images.

    For any classifier and dense prediction: a `keras.Model`, a `.keras` or
    `.h5` file, or a `.tflite` file, which runs in the LiteRT interpreter.

    Args:
        model: A `keras.Model`, or the path of a model. Of a model with
            several outputs, evaluate each: `keras.Model(model.input,
            model.output["mask"])`.
        source: Anything `tfdcu.data.open_source` takes, images or not.
            Without labels, only the agreement is measured. For a model that
            ends in sigmoids the labels are 0 or 1 for each, (images, labels);
            for maps they are classes, (images, height, width).
        against: Second model to compare with, like `model`. Defaults to
            `None`.
        **options: Passed to `tfdcu.data.open_source`: `split`, `data_dir`,
            `labeled`, `image_shape` for a model without fixed input size, and
            `classes` and `value_range`, which default to those in the JSON
            file of a `.tflite` file.

    Returns:
        Dict with `accuracy` and `agreement`, in [0, 1] or `None`, and
        `num_images`. Both are shares of images; of labels, if there are
        several an image; of positions in maps. With labels also
        `mean_average_precision`, over labels, and `mean_iou`, over the
        classes of maps.

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
        opened = open_one(model)
    with naming("source"):
        opened, images = open_for(opened, source, options)
    second = None
    if against is not None:
        with naming("against"):
            second = open_one(against)
    if against is not None:
        images.check_order("two models would see different images")
    found = predictions(opened, images)
    others = None
    if second is not None:
        others = predictions(*open_for(second, source, options)).choices
    return {
        "accuracy": agreement(found.choices, found.labels),
        "agreement": agreement(found.choices, others),
        "num_images": len(found.choices),
        **found.measures(),
    }


@dataclass
class Opened:
    """A model to evaluate.

    Attributes:
        function: From images to outputs.
        image_shape: (height, width, channels), sizes may be `None`; or the
            shape of another input.
        kind: "classes" or "labels".
        output_shape: Shape of the output for one image.
        threshold: Float, above which a label holds.
        dtype: Name of the element type of the input.
    """

    function: object
    image_shape: tuple
    kind: str
    output_shape: tuple
    threshold: float = 0.0
    dtype: str = "float32"

    @property
    def label_shape(self):
        """As in `tfdcu.data.open_source`."""
        return label_shape(self.kind, self.output_shape)


@dataclass
class Predictions:
    """What a model answers to images, and their labels.

    Attributes:
        choices: Int array (n, ...), see `tfdcu.graph.answers.choices`.
        labels: Array of the same shape, or `None`.
        scores: Float (n, labels) of several labels an image, else `None`.
    """

    choices: np.ndarray
    labels: np.ndarray | None
    scores: np.ndarray | None

    def measures(self):
        """Dict of what is measured beside the accuracy."""
        if self.labels is None:
            return {}
        if self.scores is not None:
            found = mean_average_precision(self.labels, self.scores)
            return {"mean_average_precision": found}
        if self.choices.ndim > 1:
            return {"mean_iou": mean_iou(self.labels, self.choices)}
        return {}


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
        source: Anything `tfdcu.data.open_source` takes. A `Source` is read
            at the model's input size.
        **options: Passed to `tfdcu.data.open_source`.

    Returns:
        Int arrays (n,): predicted classes, and labels or `None`.
    """
    found = predict(model, source, **options)
    return found.choices, found.labels


def predict(model, source, **options):
    """As `predict_classes`, but all `Predictions`."""
    return predictions(*open_both(model, source, options))


def open_both(model, source, options):
    """An `Opened` model, and the opened source."""
    return open_for(open_one(model), source, options)


def open_for(opened, source, options):
    """An `Opened` model on the images of a source, and the source.

    Args:
        opened: What `open_one` returned.
        source, options: As in `open_both`.
    """
    options = {"label_shape": opened.label_shape, **options}
    if isinstance(source, data.Source):
        images = reopen(source, **options).sized(opened.image_shape)
    else:
        if None not in opened.image_shape:
            options = {"image_shape": opened.image_shape, **options}
        images = data.open_source(source, **options)
    check_whole_numbers(opened.dtype, images.value_range)
    return opened, images


def reopen(source, labeled=None, value_range=None, **options):
    """An opened source with the model's order of classes.

    `image_shape` is ignored: images are read at the size of each model.
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


def open_one(model):
    """Any model as `Opened`."""
    if is_litert(model):
        file = export.LiteRTModel(model)
        return Opened(
            file,
            file.input_shape,
            file.kind,
            file.output_shape,
            0.5 if file.output == "probabilities" else 0.0,
        )
    model = models.load_any(model)
    return Opened(
        compiled(model),
        model.input_shape[1:],
        answer_kind(model),
        model.outputs[0].shape[1:],
        dtype=model.inputs[0].dtype,
    )


def is_litert(model):
    """Whether `model` is the path of a `.tflite` file."""
    is_path = isinstance(model, (str, os.PathLike))
    return is_path and Path(model).suffix == ".tflite"


def predictions(model, source):
    """What a model answers to all images of a `Source`, in order.

    Args:
        model: An `Opened` model.
        source: A `tfdcu.data.Source`.

    Returns:
        `Predictions`.
    """
    chosen, labels, scores = [], [], []
    several = model.kind == "labels" and len(model.output_shape) == 1
    size = most_images(model.output_shape, 256)
    for batch in data.evaluation_batches(source, size):
        images = batch[0] if source.labeled else batch
        outputs = np.asarray(model.function(images))  # (batch, ..., classes)
        check_outputs(outputs)
        chosen.append(choices(outputs, model.kind, model.threshold))
        if several:
            scores.append(outputs)
        if source.labeled:
            labels.append(np.asarray(batch[1]))
            highest = outputs.shape[-1] if model.kind == "classes" else 2
            check_labels(source.name, labels[-1], highest)
    return Predictions(
        np.concatenate(chosen),
        np.concatenate(labels) if labels else None,
        np.concatenate(scores) if scores else None,
    )


def check_outputs(logits):
    """Raise if a model has a single output, which has no largest class."""
    if logits.ndim == 2 and logits.shape[-1] == 1:
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
