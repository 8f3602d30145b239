"""Any teacher as a function from images to logits, with a fingerprint."""

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfdcu.distill import teacher_function
from tfdcu.export import LiteRTModel
from tfdcu.graph.logits import is_multi_label
from tfdcu.graph.resize import resized
from tfdcu.models import load
from tfdcu.workdir.fingerprint import fingerprint

# Tolerance of the sum of probabilities, in addition to quantization steps.
_SLACK = 1e-3
# As in `graph.logits.as_logits`.
_SMALLEST = 1e-7
_NUM_PROBES = 16


@dataclass(frozen=True)
class Teacher:
    """An opened teacher.

    Attributes:
        logits: Function from a float32 tensor (batch, height, width, channels)
            to logits, an array (batch, classes).
        classes: Int, number of logits.
        digest: String that identifies the teacher.
        multi_label: Whether an image has several labels.
        dtype: Name of the element type of its input.
    """

    logits: object
    classes: int
    digest: str
    multi_label: bool = False
    dtype: str = "float32"


def open_teacher(teacher, images):
    """Open anything that `teacher_targets` takes as a teacher.

    Args:
        teacher: See `teacher_targets`.
        images: Float32 tensor (batch, height, width, channels), the first
            images of the pool. A teacher other than a Keras model is run on
            them.

    Returns:
        A `Teacher`.

    Raises:
        ValueError: If it cannot be opened or is not a classifier.
    """
    is_path = isinstance(teacher, (str, os.PathLike))
    if is_path and Path(teacher).suffix == ".tflite":
        function, step = _litert(teacher)
        return _black_box(function, images, f"litert:{_hash(teacher)}", step)
    if is_path and (Path(teacher) / "saved_model.pb").exists():
        digest = f"saved_model:{_hash(teacher)}"
        return _black_box(_saved_model(teacher), images, digest)
    if is_path or isinstance(teacher, keras.Model):
        model = load(teacher)
        function = tf.function(teacher_function(model), autograph=False)
        digest = f"keras:{fingerprint(model)}"
        return Teacher(
            function,
            model.output_shape[-1],
            digest,
            is_multi_label(model),
            model.inputs[0].dtype,
        )
    if not callable(teacher):
        raise ValueError(
            "Invalid value for `teacher`. Expected: a `keras.Model`, the path "
            "of one, of a .tflite file or a SavedModel folder, or a function "
            f"from images to logits. Received: {teacher!r}"
        )
    return _black_box(teacher, images)


def mirrored(teacher):
    """A teacher whose logits are averaged over horizontal flips.

    Args:
        teacher: A `Teacher`.

    Returns:
        A `Teacher` whose logits are the mean of those for an image and its
        flip; probabilities are then the normalized geometric mean.
    """

    def mean_logits(images):
        logits = np.asarray(teacher.logits(images))
        return (logits + np.asarray(teacher.logits(images[:, :, ::-1]))) / 2

    return dataclasses.replace(teacher, logits=mean_logits)


def _litert(path):
    model = LiteRTModel(path, num_threads=os.cpu_count() or 1)
    if len(model.names) > 1:
        raise ValueError(
            "The teacher has several outputs. Expected: a file of one output, "
            f"logits or probabilities. Received: {model.names} in '{path}'"
        )
    shape = (None, *model.input_shape)
    return lambda images: model(resized(images, shape)), model.output_step


def _saved_model(path):
    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise ValueError(
            "The SavedModel has no serving signature. Expected: "
            f"'serving_default'. Received: {sorted(loaded.signatures)} in "
            f"'{path}'"
        )
    serve = loaded.signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    outputs = serve.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            "The SavedModel is not a classifier. Expected: one input and one "
            f"output. Received: {inputs} and {outputs} in '{path}'"
        )
    ((name, spec),) = inputs.items()
    (output,) = outputs

    @tf.function(autograph=False)
    def serve_images(images):
        return serve(**{name: resized(images, spec.shape)})[output]

    # The signature does not keep a reference to the variables.
    serve_images.loaded = loaded
    return serve_images


def _black_box(function, images, digest=None, step=0.0):
    outputs = _outputs(function, images)
    rows = outputs[:_NUM_PROBES]
    if ((outputs >= 0) & (outputs <= 1)).all() and not _is_probabilities(
        rows, step
    ).any():
        raise ValueError(
            "The teacher gives numbers from 0 to 1 that do not sum to 1, "
            "perhaps sigmoids of several labels. Expected: logits, "
            "log(p / (1 - p)) of a label, or probabilities of classes, which "
            f"sum to 1. Received: {rows[0].tolist()[:10]} for the first image"
        )
    digest = digest or f"function:{hashlib.sha256(rows.tobytes()).hexdigest()}"
    if not _is_probabilities(rows, step).all():
        return Teacher(
            lambda images: _outputs(function, images), outputs.shape[1], digest
        )

    def logits(images):
        outputs = _outputs(function, images)
        if not _is_probabilities(outputs, step).all():
            raise ValueError(
                "The teacher's outputs are inconsistent. Expected: "
                "probabilities, as for the first images of the pool, or "
                "logits for all. Received: a row that does not sum to 1"
            )
        return np.log(np.maximum(outputs, _SMALLEST))

    return Teacher(logits, outputs.shape[1], f"{digest}:probabilities")


def _outputs(function, images):
    outputs = np.asarray(function(images), "float32")
    if outputs.ndim != 2 or len(outputs) != len(images):
        raise ValueError(
            "The teacher's outputs are not logits. Expected: shape "
            f"({len(images)}, classes) for {len(images)} images. Received: "
            f"{outputs.shape}"
        )
    if outputs.shape[1] == 1:
        raise ValueError(
            "The teacher has a single output. "
            "Expected: one logit per class; (-z/2, z/2) is equivalent to a "
            f"single logit z. Received: outputs of shape {outputs.shape}"
        )
    return outputs


def _is_probabilities(rows, step):
    """For each row; `step` is the quantization step of the outputs."""
    inside = ((rows >= 0) & (rows <= 1 + _SLACK + step / 2)).all(1)
    slack = _SLACK + rows.shape[1] * step / 2
    return inside & (np.abs(rows.sum(1) - 1) <= slack)


def _hash(path):
    path = Path(path)
    if not path.exists():
        return None
    digest = hashlib.sha256()
    files = sorted(f for f in path.rglob("*") if f.is_file())
    for file in files or [path]:
        digest.update(file.relative_to(path).as_posix().encode())
        with open(file, "rb") as opened:
            while piece := opened.read(2**20):
                digest.update(piece)
    return digest.hexdigest()
