"""Models from files, and live ones, in one shape: images to logits."""

import os
import pathlib

import keras

from tfdcu.graph.logits import as_logits

SUFFIXES = (".keras", ".h5", ".hdf5")


def load(source, *, custom_objects=None):
    """Opens a trained classifier as a functional model with logits.

    Use it for the teacher. A file is read in Keras' safe mode and without
    its optimizer: nothing in it is executed or unpickled, and a model that
    holds Python code (a `Lambda` layer around a lambda) is refused. A softmax
    or sigmoid at the end is taken off without retraining.

    Args:
        source: path of a `.keras`, `.h5` or `.hdf5` file that holds a whole
            model, or a live `keras.Model`, which is not changed; the result
            shares its layers and weights. Files of Keras 2 (`tf_keras`) in
            the `.h5` form open if Keras 3 knows all their layers.
        custom_objects: dict from name to class or function, for layers that
            Keras does not know.

    Returns:
        A functional `keras.Model` with one image input,
        `(batch, height, width, channels)`, and logits `(batch, num_classes)`.

    Raises:
        ValueError: the file is missing, is not a whole Keras model, holds
            Python code or unknown layers; the model is subclassed and cannot
            be taken apart, has several inputs or outputs, an input that is
            not images or an output that is not `(batch, num_classes)`.

    Example:

    ```python
    teacher = tfdcu.models.load("resnet56_cifar10.keras")
    ```
    """
    if isinstance(source, keras.Model):
        return _classifier(source, f"the model {source.name!r}")
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(
            "A model cannot be opened from this. Expected: a path or a live "
            f"keras.Model. Received: {source!r} of type "
            f"{type(source).__name__}"
        )
    return _classifier(_read(pathlib.Path(source), custom_objects), source)


def custom_layers(model):
    """The classes of a live model's layers that a file only names.

    Args:
        model: A `keras.Model`.

    Returns:
        Dict from name to class, the `custom_objects` of `load`.
    """
    kinds = {type(op) for op in model._flatten_layers()}
    return {
        kind.__name__: kind
        for kind in kinds
        if kind.__module__.partition(".")[0] != "keras"
    }


def _classifier(model, source):
    if len(getattr(model, "inputs", None) or ()) == 1:
        shape = tuple(model.inputs[0].shape)
        if len(shape) != 4:
            raise ValueError(
                f"The input of {source} is not a batch of images. Expected: "
                "shape (batch, height, width, channels). "
                f"Received: shape {shape}"
            )
    model = as_logits(model)
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _read(path, custom_objects):
    if not path.exists():
        raise ValueError(
            f"There is no model file at {path}. Expected: the path of a "
            f"{', '.join(SUFFIXES)} file. Received: {str(path)!r}"
        )
    if path.is_dir() or path.suffix.lower() not in SUFFIXES:
        kind = "a folder" if path.is_dir() else f"suffix {path.suffix!r}"
        raise ValueError(
            f"{path} is not a model file of Keras 3. Expected: a file ending "
            f"in {', '.join(SUFFIXES)}; a SavedModel folder has to be saved "
            f"again with model.save('model.keras'). Received: {kind}"
        )
    if path.name.lower().endswith(".weights.h5"):
        raise ValueError(
            f"{path} holds weights only. Expected: a whole model, as "
            "model.save('model.keras') writes it. Received: a .weights.h5 "
            "file"
        )
    known = {"DepthwiseConv2D": _DepthwiseOfKeras2} if _is_hdf5(path) else {}
    try:
        return keras.models.load_model(
            path,
            custom_objects={**known, **(custom_objects or {})},
            compile=False,
            safe_mode=True,
        )
    except Exception as error:
        raise ValueError(_reason(path, str(error))) from error


def _is_hdf5(path):
    return path.suffix.lower() != ".keras"


class _DepthwiseOfKeras2:
    """Reads configs of Keras 2, which hold a `groups` that Keras 3 refuses."""

    @classmethod
    def from_config(cls, config):
        config = {k: v for k, v in config.items() if k != "groups"}
        return keras.layers.DepthwiseConv2D.from_config(config)


def _reason(path, message):
    # Keras quotes the whole config; what went wrong stands at the end.
    message = message.rpartition("Exception encountered: ")[2]
    short = message.splitlines()[0][:300] if message else "no message"
    if "Lambda" in message or "safe_mode" in message:
        return (
            f"{path} holds Python code (a Lambda layer), which is not run "
            "from a file. Expected: a model of named layers; rebuild it with "
            "them in Python and pass the live keras.Model. "
            f"Received: {short}"
        )
    if "'module': 'tf_keras" in message or "src.engine" in message:
        return (
            f"{path} is a .keras file of Keras 2, which Keras 3 does not "
            "read. Expected: a .keras file of Keras 3, or the same model saved "
            f"as .h5 by Keras 2. Received: {short}"
        )
    if "Could not locate" in message or "Unknown layer" in message:
        return (
            f"{path} holds a layer that Keras does not know. Expected: its "
            "class in custom_objects={'Name': Class}. "
            f"Received: {short}"
        )
    return (
        f"{path} could not be read as a Keras model. Expected: a whole model "
        "saved by Keras 3 (.keras or .h5), or an .h5 of Keras 2 with layers "
        f"that Keras 3 knows. Received: {short}"
    )
