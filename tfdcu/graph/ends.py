"""What the outputs of a model answer: classes, labels or values.

Classes share one softmax, labels have a sigmoid each, values are numbers of a
regression. A softmax or sigmoid shows in the graph. Where it is taken away, a
linear layer with a name of its own stays, so that the kind is known after
pruning, copying, saving and loading. A single label of an image becomes the
logits of two classes, no and yes.
"""

import keras
import numpy as np

from tfdcu.graph.keras_private import producer_of
from tfdcu.graph.keras_private import share_variables
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure

# The names that marks end in.
MARKS = {
    "labels": "label_logits",
    "values": "regression_values",
    "classes": "class_logits",
}
# The last one is the name of `tf.nn.softmax`.
_ENDS = {"softmax": "classes", "softmax_v2": "classes", "sigmoid": "labels"}
# Parts of the names of losses, the first that is found counts.
_LOSSES = {
    "binary": "labels",
    "categorical": "classes",
    **dict.fromkeys(
        (
            *("meansquared", "meanabsolute", "mse", "mae", "msle", "mape"),
            *("huber", "logcosh", "poisson"),
        ),
        "values",
    ),
}


def kinds_of(model):
    """What each output of a model answers.

    Args:
        model: A functional `keras.Model`.

    Returns:
        List of "classes", "labels", "values", or `None` where neither the end
        of the model nor the loss that it was compiled with says, one for each
        of `model.outputs`.
    """
    ends = [_kind_at(output) for output in model.outputs]
    return [
        loss if loss == "values" else end or loss
        for end, loss in zip(ends, trained_for(model))
    ]


def trained_for(model):
    """What the losses that a model was compiled with are for, as `kinds_of`."""
    loss = getattr(model, "loss", None) if model.compiled else None
    outputs = getattr(model, "outputs", None) or [None]
    if isinstance(loss, dict):
        losses = [loss.get(name) for name in output_names(model)]
    elif isinstance(loss, (list, tuple)):
        losses = loss
    else:
        losses = [loss] * len(outputs)
    return [_kind_of_loss(loss) for loss in losses]


def output_names(model):
    """The names that the user gives the outputs: keys of a dict, or layers."""
    given = structure(model, "output")
    if isinstance(given, dict):
        pairs = keras.tree.flatten_with_path(given)
        return ["/".join(map(str, path)) for path, _ in pairs]
    # A `Sequential` model has no `output_names`.
    return [producer_of(tensor).op.name for tensor in model.outputs]


def _kind_of_loss(loss):
    name = getattr(loss, "name", loss) or getattr(loss, "__name__", "")
    text = str(name).lower().replace("_", "")
    return next((kind for part, kind in _LOSSES.items() if part in text), None)


def are_probabilities(output):
    """Whether a softmax or sigmoid, layer or operation, made an output.

    Args:
        output: A `KerasTensor`. What made it may be a model.
    """
    return _end_of(_last_op(output)) is not None


def _kind_at(output):
    op = _last_op(output)
    if isinstance(op, keras.layers.Activation):
        for kind, ending in MARKS.items():
            if op.name.endswith(ending):
                return kind
    return _ENDS.get(_end_of(op))


def _last_op(output):
    """The layer or operation that made a tensor, also in a nested model."""
    producer = producer_of(output)
    if is_model(producer.op):
        return _last_op(producer.op.outputs[producer.index])
    return producer.op


def _end_of(op):
    """The name of the softmax or sigmoid of an operation, or `None`."""
    activation = getattr(op, "activation", None)
    names = type(op).__name__.lower(), getattr(activation, "__name__", "")
    return next((name for name in names if name in _ENDS), None)


def mark(output, kind, prefix=""):
    """A tensor behind a linear layer whose name says what it answers.

    Args:
        output: A `KerasTensor`.
        kind: "classes", "labels" or "values".
        prefix: First part of the layer's name, if there are several outputs;
            without it, classes get no mark.

    Returns:
        A `KerasTensor`; `output` itself if it has that mark. Of a single label
        (batch, 1) it is (batch, 2), marked as classes.
    """
    if kind == "labels" and tuple(output.shape[1:]) == (1,):
        return mark(_two_classes(output, prefix), "classes", prefix)
    if _kind_at(output) == kind or (kind == "classes" and not prefix):
        return output
    name = f"{prefix}{MARKS[kind]}"
    return keras.layers.Activation("linear", name=name)(output)


def _two_classes(logit, prefix):
    """The logits (-z/2, z/2), whose softmax is the sigmoid of z and the rest.

    The operation has a fixed name: Keras would number its own.
    """
    both = keras.ops.multiply(logit, np.float32([-0.5, 0.5]))
    producer_of(both).op.name = f"{prefix}tfdcu_both"
    return both


def before_end(output):
    """The tensor before the softmax or sigmoid that made an output.

    Args:
        output: A `KerasTensor`.

    Returns:
        A `KerasTensor`; `output` itself if there is neither.
    """
    producer = producer_of(output)
    op = producer.op
    if is_model(op):
        inner = before_end(op.outputs[0]) if len(op.outputs) == 1 else None
        if inner is None or inner is op.outputs[0]:
            return output
        short = keras.Model(structure(op, "input"), inner, name=op.name)
        return short(*producer.args, **producer.kwargs)
    activation = getattr(getattr(op, "activation", None), "__name__", "")
    name = type(op).__name__.lower()
    if name in _ENDS or (name == "activation" and activation in _ENDS):
        return producer.args[0]
    if activation in _ENDS and isinstance(op, keras.layers.Layer):
        config = op.get_config()
        config["activation"] = "linear"
        config.pop("build_config", None)
        layer = type(op).from_config(config)
        output = layer(*producer.args, **producer.kwargs)
        # For weights that a custom layer does not keep as attributes.
        layer.set_weights(op.get_weights())
        share_variables(layer, op)
    return output
