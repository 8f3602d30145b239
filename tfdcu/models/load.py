"""Load trained classifiers as functional models with logits."""

import contextlib
import json
import os
import pathlib
import zipfile

import keras

from tfdcu.graph.ends import output_names
from tfdcu.graph.heads import as_heads
from tfdcu.graph.heads import functional
from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.logits import as_logits
from tfdcu.models.keras2 import is_of_keras_2
from tfdcu.models.keras2 import load_keras_2
from tfdcu.models.keras2_config import CannotRead
from tfdcu.models.unpacked import MAX_RATIO
from tfdcu.models.unpacked import is_bomb
from tfdcu.models.unpacked import unpacked_bytes
from tfdcu.workdir.arguments import DICT
from tfdcu.workdir.arguments import check
from tfdcu.workdir.temporary import temporary_folder

SUFFIXES = (".keras", ".h5", ".hdf5")


def load(source, *, custom_objects=None):
    """Loads a trained classifier as a functional model with logits.

    Use it for the teacher. A file is read in Keras' safe mode and without
    its optimizer: nothing in it is executed or unpickled, and a model with
    Python code (a `Lambda` layer with a lambda) is refused. A softmax or
    sigmoid at the end is removed without retraining.

    Args:
        source: Path of a `.keras`, `.h5` or `.hdf5` file with a complete
            model; or a `keras.Model`, which is not changed and shares its
            layers and weights with the result. `.h5` files of Keras 2
            (`tf_keras`) can be read if Keras 3 has all their layers; common
            TensorFlow operations in the graph become those of `keras.ops`.
        custom_objects: Dict from name to class or function, for custom layers.

    Returns:
        A functional `keras.Model` with one input, `(batch, height, width,
        channels)` for images, and logits `(batch, num_classes)`.

    Raises:
        ValueError: If the file is missing, is not a complete Keras model, or
            has Python code or unknown layers; if the model is subclassed, has
            several inputs or outputs, an input of text or an output
            that is not `(batch, num_classes)`.

    Example:

    ```python
    teacher = tfdcu.models.load("resnet56_cifar10.keras")
    ```
    """
    check("custom_objects", custom_objects, DICT, optional=True)
    if isinstance(source, keras.Model):
        return _classifier(source, f"the model {source.name!r}")
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(
            "A model cannot be loaded from this object. Expected: a path or a "
            f"keras.Model. Received: {source!r} of type "
            f"{type(source).__name__}"
        )
    return _classifier(_read(pathlib.Path(source), custom_objects), source)


def load_any(source):
    """Loads a model with one input and any outputs.

    As `load`, but an output may also be a map, with an answer for each
    position, and there may be several.

    Args:
        source: As in `load`.

    Returns:
        A functional `keras.Model` with logits; of several outputs a dict by
        name: those that it gives them, or of the layers they come from.

    Raises:
        ValueError: As in `load`.
    """
    model = source
    if isinstance(source, (str, os.PathLike)):
        model = _read(pathlib.Path(source), None)
    shapes = [x.shape for x in getattr(model, "outputs", None) or ()]
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) == 1 and [len(shape) for shape in shapes] not in ([], [2]):
        return with_names(as_heads(model), output_names(functional(model)))
    return load(model)


def with_names(model, names):
    """A model whose several outputs are a dict by name.

    Args:
        model: A functional `keras.Model`.
        names: List of the names of its outputs.

    Returns:
        A `keras.Model` of the same weights; the model itself if it has one
        output, or gives such a dict.
    """
    flat = isinstance(model.output, dict) and sorted(model.output) == names
    if len(names) == 1 or flat:
        return model
    outputs = dict(zip(names, model.outputs))
    if len(outputs) < len(names):
        raise ValueError(
            "Outputs cannot be told apart. Expected: a model that gives a dict "
            "of them, or each from a layer of its own. Received: outputs named "
            f"{names} of {model.name!r}"
        )
    return keras.Model(model.input, outputs, name=model.name)


def custom_layers(model):
    """The classes of a model's custom layers, to load it from a file.

    Args:
        model: A `keras.Model`.

    Returns:
        Dict from name to class, the `custom_objects` of `load`.
    """
    kinds = {type(op) for op in all_layers(model)}
    return {
        kind.__name__: kind
        for kind in kinds
        if kind.__module__.partition(".")[0] != "keras"
    }


def _classifier(model, source):
    if len(getattr(model, "inputs", None) or ()) == 1:
        (given,) = model.inputs
        shape = tuple(given.shape)
        if len(shape) < 2 or given.dtype == "string":
            raise ValueError(
                f"The input of {source} cannot be used. Expected: numbers of "
                "shape (batch, height, width, channels), or (batch, ...) of "
                "other inputs than images; for text the model after its "
                "TextVectorization, and token ids. "
                f"Received: {given.dtype} of shape {shape}"
            )
    model = as_logits(model)
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _read(path, custom_objects):
    # Of a name that cannot be written the next line would say: not there.
    os.fsencode(path)
    if not path.exists():
        raise ValueError(
            f"There is no model file at {path}. Expected: the path of a "
            f"{', '.join(SUFFIXES)} file. Received: {str(path)!r}"
        )
    if path.is_dir() or path.suffix.lower() not in SUFFIXES:
        kind = "a folder" if path.is_dir() else f"suffix {path.suffix!r}"
        raise ValueError(
            f"{path} is not a model file of Keras 3. Expected: a file ending "
            f"in {', '.join(SUFFIXES)}; save a SavedModel again with "
            f"model.save('model.keras'). Received: {kind}"
        )
    if path.name.lower().endswith(".weights.h5"):
        raise ValueError(
            f"{path} contains only weights. Expected: a complete model, saved "
            "with model.save('model.keras'). Received: a .weights.h5 file"
        )
    _check_unpacked(path)
    try:
        if _is_hdf5(path) and is_of_keras_2(path):
            return load_keras_2(path, custom_objects)
        with _as_keras_spells(path) as file:
            return keras.models.load_model(
                file,
                custom_objects=custom_objects,
                compile=False,
                safe_mode=True,
            )
    except CannotRead as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    except Exception as error:
        raise ValueError(_reason(path, str(error))) from error


@contextlib.contextmanager
def _as_keras_spells(path):
    """The path, or a link to the file where the suffix has capital letters."""
    if path.suffix.islower():
        yield path
        return
    with temporary_folder() as folder:
        link = pathlib.Path(folder, f"model{path.suffix.lower()}")
        link.symlink_to(path.resolve())
        yield link


def _check_unpacked(path):
    try:
        total = unpacked_bytes(path)
    except Exception as error:
        raise ValueError(_reason(path, str(error))) from error
    if is_bomb(path, total):
        raise ValueError(
            f"{path} unpacks to more than {MAX_RATIO} times its size. "
            "Expected: a model as Keras saves it, uncompressed. Received: "
            f"{path.stat().st_size:,} bytes for {total:,}"
        )


def _is_hdf5(path):
    return path.suffix.lower() != ".keras"


def _newer_keras(path):
    """The version that a `.keras` file was saved by, if newer than this one."""
    if _is_hdf5(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            written = json.loads(archive.read("metadata.json"))
        version = str(written["keras_version"])
        numbers, here = (
            [int(part) for part in text.split(".")[:3]]
            for text in (version, keras.__version__)
        )
    except Exception:
        # A damaged file has another reason.
        return None
    return version if numbers > here else None


def _reason(path, message):
    # Keras prints the whole config first; the error is at the end.
    message = message.rpartition("Exception encountered: ")[2]
    short = message.splitlines()[0][:300] if message else "no message"
    kind, whole = "a zip archive", zipfile.is_zipfile(path)
    if _is_hdf5(path):
        kind, whole = "an HDF5 file", "open file (" not in message
    if not whole:
        return (
            f"{path} is damaged or incomplete. Expected: a whole "
            f"{path.suffix.lower()} file, which is {kind}. Received: "
            f"{path.stat().st_size:,} bytes that are none"
        )
    if "Lambda" in message or "safe_mode" in message:
        return (
            f"{path} contains Python code (a Lambda layer), which is not run "
            "from a file. Expected: a model without Lambda layers; or build "
            "the model in Python and pass the keras.Model. "
            f"Received: {short}"
        )
    if "'module': 'tf_keras" in message or "src.engine" in message:
        return (
            f"{path} is a .keras file of Keras 2, which Keras 3 does not "
            "read. Expected: a .keras file of Keras 3, or the same model saved "
            f"as .h5 by Keras 2. Received: {short}"
        )
    version = _newer_keras(path)
    if version:
        return (
            f"{path} was saved by Keras {version}, which is newer than the "
            f"{keras.__version__} here and writes what that cannot read. "
            f"Expected: Keras {version} or later (pip install -U keras), or a "
            f"model saved by this one. Received: {short}"
        )
    if "unexpected keyword argument" in message:
        return (
            f"{path} has a custom layer that cannot be made from its config. "
            "Expected: an `__init__` that passes **kwargs, such as `name`, to "
            f"super().__init__. Received: {short}"
        )
    if "Could not locate" in message or "Unknown layer" in message:
        return (
            f"{path} has a layer that Keras does not know. Expected: its "
            "class in custom_objects={'Name': Class}. "
            f"Received: {short}"
        )
    return (
        f"{path} could not be read as a Keras model. Expected: a complete "
        "model saved by Keras 3 (.keras or .h5), or an .h5 file of Keras 2 "
        f"with layers that Keras 3 has. Received: {short}"
    )
