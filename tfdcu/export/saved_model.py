"""Save Keras models as float32 SavedModels for single images."""

import keras
import numpy as np

from tfdcu.graph.ends import are_probabilities
from tfdcu.graph.ends import output_names


def check_model(model):
    """Raises unless the model maps inputs of a fixed size to outputs.

    Args:
        model: The model to check.

    Returns:
        The shape of an input: `(height, width, channels)`, or another.

    Raises:
        ValueError: If it is not a built functional model with one input
            of fixed size and outputs `(batch, ..., classes)`, or if a weight
            is not finite.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            "The model cannot be exported. Expected: a built functional or "
            f"Sequential keras.Model. Received: {model!r}"
        )
    inputs = [tuple(tensor.shape) for tensor in model.inputs]
    outputs = [tuple(tensor.shape) for tensor in model.outputs]
    if inputs and inputs[0] and inputs[0][0] not in (None, 1):
        raise ValueError(
            "The model takes a fixed number of images at once. Expected: an "
            "`Input` without `batch_size`, or of one image; build the model "
            "again and copy the weights with `set_weights`. Received: an "
            f"input of shape {inputs[0]}"
        )
    if len(inputs) != 1 or len(inputs[0]) < 2 or None in inputs[0][1:]:
        raise ValueError(
            "Invalid input of the model. Expected: one input of fixed size, "
            "such as (None, height, width, channels). Received: inputs of "
            f"shapes {inputs}"
        )
    if any(len(shape) < 2 or None in shape[1:] for shape in outputs):
        raise ValueError(
            "Invalid output of the model. Expected: outputs (None, classes), "
            "or (None, height, width, classes) for maps. Received: outputs of "
            f"shapes {outputs}"
        )
    names = names_in_file(model)
    if len(set(names)) < len(names):
        raise ValueError(
            "Invalid outputs of the model. Expected: several outputs, each "
            "from a layer of its own, or a dict of them. Received: outputs "
            f"named {names}"
        )
    for variable in model.weights:
        values = np.asarray(variable.numpy())
        if (
            values.dtype.kind in "fV"
            and not np.isfinite(values.astype("float32")).all()
        ):
            raise ValueError(
                "The model has weights that are not finite. Expected: finite "
                f"weights. Received: NaN or infinity in '{variable.path}'"
            )
    return inputs[0][1:]


def dtype_of(tensor):
    """The dtype in which a file takes an input: float32, or that of ids."""
    return tensor.dtype if tensor.dtype.startswith("int") else "float32"


def names_in_file(model):
    """The names of a model's outputs in its files.

    Args:
        model: A functional or Sequential `keras.Model`.

    Returns:
        List of strings: of one output `probabilities` where the model ends in
        them, else `logits`; of several the model's own.
    """
    if len(model.outputs) > 1:
        return [name.replace("/", "_") for name in output_names(model)]
    return ["probabilities" if gives_probabilities(model) else "logits"]


def gives_probabilities(model):
    """Whether a model ends in a softmax or sigmoid, at each of its outputs."""
    return all(map(are_probabilities, model.outputs))


def save_single_image(model, folder):
    """Traces a model for one image, in inference mode, into a SavedModel.

    Unlike `model.export(format="litert")`, this traces the model once for all
    formats, allows no Flex operators and names the outputs, see
    `names_in_file`. The model is not changed.

    Args:
        model: A float32 functional `keras.Model` with one input.
        folder: Folder of the SavedModel.
    """
    import tensorflow as tf

    names = names_in_file(model)
    (given,) = model.inputs
    spec = tf.TensorSpec((1, *given.shape[1:]), dtype_of(given), "image")

    def serve(image):
        outputs = model(image, training=False)
        return dict(zip(names, keras.tree.flatten(outputs)))

    traced = tf.function(serve, autograph=False).get_concrete_function(spec)
    holder = tf.Module()
    holder.variables_of_model = list(traced.graph.variables)
    tf.saved_model.save(
        holder, str(folder), signatures={"serving_default": traced}
    )
