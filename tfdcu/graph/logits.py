"""Makes a classifier output logits by removing its final softmax."""

import keras
import numpy as np
from keras import ops

from tfdcu.graph.ends import before_end
from tfdcu.graph.ends import kinds_of
from tfdcu.graph.ends import mark
from tfdcu.graph.ends import trained_for
from tfdcu.graph.keras_private import producer_of
from tfdcu.graph.open_model import open_model
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import parse_model
from tfdcu.graph.parse import structure

# Operations with fixed names: Keras would number its own, and the config of the
# same model would differ each time.
_LOG = (
    ("tfdcu_at_least", lambda x: ops.maximum(x, 1e-7)),
    ("tfdcu_logits", ops.log),
)
_SHARE_OF_BOTH = (
    ("tfdcu_both", lambda x: ops.multiply(x, np.float32([-1, 1]))),
    ("tfdcu_shares", lambda x: ops.add(x, np.float32([1, 0]))),
)


def as_logits(model):
    """Returns the classifier with logits (scores before softmax) as output.

    Use it before pruning and distillation, which need logits. A final
    `softmax` or `sigmoid` is removed without retraining, whether it is a
    layer, an operation or the activation of the last layer, also inside a
    nested last model. Probabilities from something else, such as an average
    of two classifiers, become log(max(p, 1e-7)), whose softmax is p. A
    classifier of two classes with one output z, whose sigmoid is the
    probability of the second class, outputs (-z/2, z/2), whose softmax is the
    same. Sigmoids of several labels leave a linear layer, "label_logits",
    which tells them from classes, also in a file. The result shares all
    weights with the argument, which is not changed: training one trains the
    other.

    Args:
        model: A built `keras.Model` with one input and one output of shape
            (batch, classes). A subclassed one is taken apart (`open_model`).

    Returns:
        A functional `keras.Model` with one input and one output tensor; the
        argument itself if it already is one with logits.

    Raises:
        ValueError: If the model is not built or cannot be taken apart, has
            several inputs or outputs, or its output is not of shape (batch,
            classes).

    Example:

    >>> teacher = as_logits(keras.applications.MobileNetV2())
    """
    check_classifier(model)
    if not is_model(model):
        model = open_model(model).model
    labels = is_multi_label(model)
    parse_model(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "The model cannot be used as a classifier. "
            "Expected: one input (images) and one output (logits); several "
            "outputs are for `compress`, `prune_channels` and "
            "`AlignedDistiller`, several inputs for `prune_channels`. "
            f"Received: {len(model.inputs)} inputs and {len(model.outputs)} "
            f"outputs in model {model.name!r}."
        )
    check_batch_size(model)
    if len(model.outputs[0].shape) != 2:
        raise ValueError(
            "The model cannot be used as a classifier. "
            "Expected: an output of shape (batch, classes); maps are for "
            "`compress`, `prune_channels` and `AlignedDistiller` "
            "(docs/segmentation.md). "
            f"Received: shape {tuple(model.outputs[0].shape)} "
            f"in model {model.name!r}."
        )
    if not _is_plain(model):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    logits = before_end(model.outputs[0])
    is_binary = logits.shape[1] == 1
    if logits is model.outputs[0] and _gives_probabilities(model):
        logits = _apply(logits, (*_SHARE_OF_BOTH, *_LOG) if is_binary else _LOG)
    elif is_binary or labels:
        logits = mark(logits, "labels")
    if logits is model.outputs[0]:
        return model
    return keras.Model(model.inputs[0], logits, name=model.name)


def is_multi_label(model):
    """Whether a classifier answers yes or no for each label on its own.

    It does if it ends in a sigmoid of several outputs, if it was compiled with
    a binary cross-entropy of several outputs, or if `as_logits` made it of
    such a model.

    Args:
        model: A `keras.Model`, or anything else.

    Returns:
        Bool.
    """
    outputs = getattr(model, "outputs", None) or ()
    if not isinstance(model, keras.Model) or len(outputs) != 1:
        return False
    if len(outputs[0].shape) != 2 or outputs[0].shape[-1] == 1:
        return False
    return kinds_of(model) == ["labels"]


def with_labels(model):
    """A classifier with logits whose outputs are labels, not classes.

    Args:
        model: A functional `keras.Model` that ends in logits.

    Returns:
        A functional `keras.Model` that shares all weights.
    """
    labels = mark(model.outputs[0], "labels")
    if labels is model.outputs[0]:
        return model
    return keras.Model(model.inputs[0], labels, name=model.name)


def check_batch_size(model):
    """Raises for a model that takes a fixed number of images at once."""
    for tensor in model.inputs:
        if tensor.shape[0] is not None:
            raise ValueError(
                "The model takes a fixed number of images at once. Expected: "
                "an `Input` without `batch_size`; build the model again "
                "without it and copy the weights with `set_weights`. "
                f"Received: an input of shape {tuple(tensor.shape)} in model "
                f"{model.name!r}."
            )


def check_classifier(model):
    """Raises for a model that was trained to give numbers, not classes."""
    if "values" in trained_for(model):
        raise ValueError(
            "The model is not a classifier: it was compiled with a loss of "
            "regression. Expected: a classifier, with logits, a softmax or a "
            "sigmoid at its end; `prune_channels` takes models of any kind. "
            f"Received: {model.name!r} with the loss {model.loss!r}."
        )


def _is_plain(model):
    """Whether input and output are tensors, not lists or dicts of one."""
    sides = structure(model, "input"), structure(model, "output")
    return all(isinstance(side, keras.KerasTensor) for side in sides)


def _apply(tensor, steps):
    """Applies operations to a tensor, each with its fixed name."""
    for name, function in steps:
        tensor = function(tensor)
        producer_of(tensor).op.name = name
    return tensor


def _gives_probabilities(model):
    """Whether outputs on random images are all positive and sum to one.

    A single output is the second class's probability, between 0 and 1.
    """
    op = producer_of(model.outputs[0]).op
    if getattr(op, "activation", None) is keras.activations.linear:
        return False
    shape = [4] + [size or 64 for size in model.inputs[0].shape[1:]]
    images = np.random.default_rng(0).random(shape, dtype="float32")
    scores = np.asarray(model(images, training=False), "float64")
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    return bool(
        scores.min() >= 0 and np.allclose(scores.sum(-1), 1, rtol=0, atol=1e-2)
    )
