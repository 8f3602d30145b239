"""Accuracy and agreement of models and files."""

import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tfdcu import data
from tfdcu import export
from tfdcu import models
from tfdcu.graph.answers import Answer
from tfdcu.graph.answers import Answers
from tfdcu.graph.answers import answers_of
from tfdcu.graph.choices import most_images
from tfdcu.graph.images import check_whole_numbers
from tfdcu.graph.inference import compiled
from tfdcu.workdir.arguments import naming


def evaluate(model, source, *, against=None, **options):
    """Measure accuracy, and agreement with another model, on images.

    For any classifier and dense prediction: a `keras.Model`, a `.keras` or
    `.h5` file, or a `.tflite` file, which runs in the LiteRT interpreter.

    Args:
        model: A `keras.Model`, or the path of a model.
        source: Anything `tfdcu.data.open_source` takes, images or not.
            Without labels, only the agreement is measured. For a model that
            ends in sigmoids the labels are 0 or 1 for each, (images, labels);
            for a single sigmoid (images,) or (images, 1); for maps they are
            classes, (images, height, width). For several outputs labels are a
            dict of these by name of the output.
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
        classes of maps. Of several outputs these are means over the outputs,
        and `outputs` has a dict of `accuracy` and `agreement` of each by name.

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
        check_same_answers(opened.answers, second.answers)
        images.check_order("two models would see different images")
    found = predictions(opened, images)
    others = None
    if second is not None:
        others = predictions(*open_for(second, source, options)).choices
    result = {
        "accuracy": found.accuracy,
        "agreement": found.agreement(others),
        "num_images": len(found.choices),
        **found.measures,
    }
    if opened.answers.several:
        compare = opened.answers.agreement_by_name
        right = compare(found.choices, found.labels)
        same = compare(found.choices, others)
        result["outputs"] = {
            name: {"accuracy": right[name], "agreement": same[name]}
            for name in right
        }
    return result


def check_same_answers(first, second):
    """Raise if the answers of two models cannot be compared.

    Args:
        first, second: Their `Answers`.
    """
    if first.label_shape != second.label_shape:
        raise ValueError(
            "The models answer different things. Expected: the same outputs, "
            f"with choices of shape {first.label_shape} for an image. "
            f"Received: `against` with {second.label_shape}"
        )


@dataclass
class Opened:
    """A model to evaluate.

    Attributes:
        function: From images to outputs, a dict by name.
        image_shape: (height, width, channels), sizes may be `None`; or the
            shape of another input.
        answers: Its `Answers`.
        dtype: Name of the element type of the input.
    """

    function: object
    image_shape: tuple
    answers: Answers
    dtype: str = "float32"


@dataclass
class Predictions:
    """What a model answers to images, and their labels.

    Attributes:
        answers: Its `Answers`.
        choices: Int array (n, ...), as of `Answers.choices`.
        labels: Array of the same shape, or `None`.
        measures: Dict of what is measured beside the accuracy.
    """

    answers: Answers
    choices: np.ndarray
    labels: np.ndarray | None
    measures: dict

    @property
    def accuracy(self):
        """Share of right choices; `None` without labels."""
        return self.agreement(self.labels)

    def agreement(self, others):
        """Share of choices equal to others; `None` for `None`."""
        return self.answers.agreement(self.choices, others)


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
    options = {"value_range": file.value_range}
    if len(file.names) == 1 and file.num_classes > 1:
        options["classes"] = file.classes
    return {name: value for name, value in options.items() if value}


def predict(model, source, **options):
    """What any kind of model predicts, and the source's labels.

    Args:
        model: A `keras.Model`, or the path of a model.
        source: Anything `tfdcu.data.open_source` takes. A `Source` is read
            at the model's input size.
        **options: Passed to `tfdcu.data.open_source`.

    Returns:
        `Predictions`.
    """
    return predictions(*open_for(open_one(model), source, options))


def open_for(opened, source, options):
    """An `Opened` model on the images of a source, and the source.

    Args:
        opened: What `open_one` returned.
        source, options: As in `predict`.
    """
    options = {"label_shape": opened.answers.label_shape, **options}
    if isinstance(source, data.Source):
        images = reopen(source, **options).sized(opened.image_shape)
    else:
        if None not in opened.image_shape:
            options = {"image_shape": opened.image_shape, **options}
        images = data.open_source(source, **options)
    check_whole_numbers(opened.dtype, images.value_range)
    only = opened.answers.only
    if images.labeled and only and not images.label_shape:
        data.check_classes(images, only.num_classes)
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
        answers, function = said_by(file), by_name(file, file.names)
        single = {n: x for n, x in answers.items() if x.shape == (1,)}

        def outputs(images):
            found = function(images)
            both = {n: two_classes(found[n], x) for n, x in single.items()}
            return {**found, **both}

        answers |= dict.fromkeys(single, Answer("classes", (2,)))
        return Opened(outputs, file.input_shape, Answers(answers))
    model = models.load_any(model)
    answers = answers_of(model)
    return Opened(
        by_name(compiled(model), answers.by_name),
        model.input_shape[1:],
        answers,
        model.inputs[0].dtype,
    )


def said_by(file):
    """Dict by name of the `Answer` of each output of a `LiteRTModel`."""

    def answer(name):
        kind, shape, output = (
            value[name] if isinstance(value, dict) else value
            for value in (file.kind, file.output_shape, file.output)
        )
        if kind == "values":
            raise ValueError(
                "The file gives numbers of a regression. Expected: classes or "
                "labels, for each image or each position. Received: the "
                f"output {name!r} of '{file.path}'"
            )
        if kind == "classes" and shape == (1,):
            raise ValueError(
                "Nothing tells what the only number of an output stands for. "
                "Expected: the JSON file that `tfdcu.export_litert` writes "
                "beside a file, of this version. Received: the output "
                f"{name!r} of '{file.path}'"
            )
        return Answer(kind, shape, 0.5 if output == "probabilities" else 0.0)

    return {name: answer(name) for name in sorted(file.names)}


def two_classes(scores, answer):
    """Scores of no and yes of a single label, as Keras models are loaded.

    Args:
        scores: Float (batch, 1), of a single label.
        answer: Its `Answer`.

    Returns:
        Float (batch, 2).
    """
    above = scores - answer.threshold
    return np.concatenate([-above, above], axis=-1)


def by_name(function, names):
    """A function whose outputs are a dict by name.

    Args:
        function: From images to outputs: an array, or several in a structure.
        names: Those of the outputs, in the order in which Keras flattens.
    """

    def call(images):
        outputs = function(images)
        if isinstance(outputs, dict) and set(outputs) == set(names):
            return outputs
        return dict(zip(names, keras.tree.flatten(outputs)))

    return call


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
    answers, only = model.answers, model.answers.only
    shapes = [one.shape for one in answers.by_name.values()]
    size = source.at_once(most_images(shapes, 256))
    for batch in data.evaluation_batches(source, size):
        images = batch[0] if source.labeled else batch
        outputs = {
            name: np.asarray(values)  # (batch, ..., classes)
            for name, values in model.function(images).items()
        }
        chosen.append(answers.choices(outputs))
        if only and only.several_labels and len(only.shape) == 1:
            scores += outputs.values()
        if source.labeled:
            labels.append(np.asarray(answers.pack(batch[1])))
            given = answers.unpack(labels[-1])
            for name, one in answers.by_name.items():
                check_labels(source.name, given[name], one.num_values)
    chosen = np.concatenate(chosen)
    labels = np.concatenate(labels) if labels else None
    scores = np.concatenate(scores) if scores else None
    return Predictions(
        answers, chosen, labels, answers.measures(labels, chosen, scores)
    )


def check_labels(name, labels, num_classes):
    """Raise if a label is not a class of the model."""
    if np.max(labels) >= num_classes:
        raise ValueError(
            f"The labels of {name} do not match the model. Expected: labels "
            f"from 0 to {num_classes - 1}. Received: {np.max(labels)}"
        )
