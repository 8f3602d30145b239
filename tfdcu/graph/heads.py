"""Models of several outputs, or of an answer for each position."""

import keras

from tfdcu.graph.ends import before_end
from tfdcu.graph.ends import kinds_of
from tfdcu.graph.ends import mark
from tfdcu.graph.ends import output_names
from tfdcu.graph.logits import as_logits
from tfdcu.graph.logits import check_batch_size
from tfdcu.graph.open_model import open_model
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure


def as_heads(model, hints=None):
    """A model with logits instead of probabilities at each of its outputs.

    For a classifier this is `as_logits`. An output may also be a dense
    prediction, with an answer for each position, and there may be several
    inputs and outputs. A softmax or sigmoid is removed, and what an output
    answers can be read from the result (`head_kinds`). It shares all weights
    with the argument, which is not changed.

    Args:
        model: A built `keras.Model`.
        hints: What each output answers if the model does not show it, as in
            `kinds_of`. Defaults to `None`: unknown.

    Returns:
        A functional `keras.Model` of the same inputs and outputs.

    Raises:
        ValueError: If neither the end of an output, nor the loss that the
            model was compiled with, nor `hints` tells what it answers.
    """
    model = functional(model)
    hints = hints or [None] * len(model.outputs)
    if is_classifier(model) and not any(hints):
        return as_logits(model)
    check_batch_size(model)
    names = output_names(model)
    # A linear output is of classes only if nothing else is known of it.
    known = [kind or hint for kind, hint in zip(kinds_of(model), hints)]
    kinds = [kind or other for kind, other in zip(known, head_kinds(model))]
    for name, kind, output in zip(names, kinds, model.outputs):
        if kind is None:
            raise ValueError(
                f"Nothing tells what the output {name!r} answers. Expected: an "
                "output that ends in a softmax or a sigmoid, a model compiled "
                "with the losses it was trained with, or, for a regression, "
                f"mimic={{{name!r}: 'mse'}}. Received: shape "
                f"{tuple(output.shape)} from a linear layer of {model.name!r}"
            )
    outputs = [
        mark(output if kind == "values" else before_end(output), kind, prefix)
        for output, kind, prefix in zip(model.outputs, kinds, prefixes(names))
    ]
    if all(new is old for new, old in zip(outputs, model.outputs)):
        return model
    given = structure(model, "output")
    return keras.Model(
        structure(model, "input"),
        keras.tree.pack_sequence_as(given, outputs),
        name=model.name,
    )


def head_kinds(model):
    """What each output answers: `kinds_of`, and what a single one must be.

    A single linear output of several numbers is taken for the logits of
    classes, as that of a classifier is.
    """
    kinds = kinds_of(model)
    if kinds == [None] and model.outputs[0].shape[-1] != 1:
        return ["classes"]
    return kinds


def is_classifier(model):
    """Whether a model has one input and one row of scores for each image."""
    shapes = [tuple(output.shape) for output in model.outputs]
    return len(model.inputs) == 1 and [len(s) for s in shapes] == [2]


def prefixes(names):
    """What begins the names of marks: nothing for a single output."""
    if len(names) == 1:
        return [""]
    return [f"{name.replace('/', '_')}_" for name in names]


def functional(model):
    """The model itself, or a subclassed one taken apart."""
    return model if is_model(model) else open_model(model).model
