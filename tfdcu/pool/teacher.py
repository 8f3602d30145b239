"""Any teacher as a function from images to logits, with a name of its own."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfdcu.distill import teacher_function
from tfdcu.export import LiteRTModel
from tfdcu.models import load
from tfdcu.models.resize import resized
from tfdcu.workdir.fingerprint import fingerprint

# How far a row of probabilities may be off 1, before they are quantized.
_SLACK = 1e-3
# As in `graph.logits.as_logits`.
_SMALLEST = 1e-7
_NUM_PROBES = 16


@dataclass(frozen=True)
class Teacher:
    """A teacher that can be asked.

    Attributes:
        logits: Function from a float32 tensor (batch, height, width, channels)
            to logits, an array (batch, classes).
        classes: How many logits there are.
        digest: String that differs between teachers.
    """

    logits: object
    classes: int
    digest: str


def open_teacher(teacher, images):
    """Opens whatever `teacher_targets` takes as a teacher.

    Args:
        teacher: See `teacher_targets`.
        images: Float32 tensor (batch, height, width, channels), the first
            images of the pool. A teacher that is no Keras model is asked
            about them.

    Returns:
        A `Teacher`.

    Raises:
        ValueError: If it cannot be opened or gives no class scores.
    """
    is_path = isinstance(teacher, (str, os.PathLike))
    if is_path and Path(teacher).suffix == ".tflite":
        ask, step = _litert(teacher)
        return _black_box(ask, images, f"litert:{_hash(teacher)}", step)
    if is_path and (Path(teacher) / "saved_model.pb").exists():
        digest = f"saved_model:{_hash(teacher)}"
        return _black_box(_saved_model(teacher), images, digest)
    if is_path or isinstance(teacher, keras.Model):
        model = load(teacher)
        ask = tf.function(teacher_function(model), autograph=False)
        digest = f"keras:{fingerprint(model)}"
        return Teacher(ask, model.output_shape[-1], digest)
    if not callable(teacher):
        raise ValueError(
            "The teacher cannot be asked. Expected: a `keras.Model`, the path "
            "of one, of a .tflite file or a SavedModel folder, or a function "
            f"from images to logits. Received: {teacher!r}"
        )
    return _black_box(teacher, images)


def mirrored(teacher):
    """A teacher that looks twice: at an image and at its mirror image.

    Args:
        teacher: A `Teacher`.

    Returns:
        A `Teacher` whose logits are the mean of both answers, so that its
        probabilities are their geometric mean.
    """

    def ask(images):
        seen = np.asarray(teacher.logits(images))
        return (seen + np.asarray(teacher.logits(images[:, :, ::-1]))) / 2

    return Teacher(ask, teacher.classes, teacher.digest)


def _litert(path):
    model = LiteRTModel(path, num_threads=os.cpu_count() or 1)
    shape = (None, *model.input_shape)
    step = model.quantization["output"]["scale"]
    return lambda images: model(resized(images, shape)), step


def _saved_model(path):
    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise ValueError(
            "The SavedModel cannot be asked. Expected: a signature "
            f"'serving_default'. Received: {sorted(loaded.signatures)} in "
            f"'{path}'"
        )
    serve = loaded.signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    outputs = serve.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            "The SavedModel is no classifier. Expected: one input and one "
            f"output. Received: {inputs} and {outputs} in '{path}'"
        )
    ((name, spec),) = inputs.items()
    (output,) = outputs

    @tf.function(autograph=False)
    def ask(images):
        return serve(**{name: resized(images, spec.shape)})[output]

    # The signature alone does not keep its variables.
    ask.loaded = loaded
    return ask


def _black_box(ask, images, digest=None, step=0.0):
    answer = _answer(ask, images)
    rows = answer[:_NUM_PROBES]
    digest = digest or f"function:{hashlib.sha256(rows.tobytes()).hexdigest()}"
    if not _is_probabilities(rows, step).all():
        return Teacher(
            lambda images: _answer(ask, images), answer.shape[1], digest
        )

    def logits(images):
        answer = _answer(ask, images)
        if not _is_probabilities(answer, step).all():
            raise ValueError(
                "The teacher's outputs are of two kinds. Expected: "
                "probabilities, as for the first images of the pool, or "
                "logits for all. Received: a row that does not sum to 1"
            )
        return np.log(np.maximum(answer, _SMALLEST))

    return Teacher(logits, answer.shape[1], f"{digest}:probabilities")


def _answer(ask, images):
    answer = np.asarray(ask(images), "float32")
    if answer.ndim != 2 or len(answer) != len(images):
        raise ValueError(
            "The teacher gives no class scores. Expected: outputs of shape "
            f"({len(images)}, classes) for {len(images)} images. Received: "
            f"{answer.shape}"
        )
    if answer.shape[1] == 1:
        raise ValueError(
            "The teacher gives one score, of which class is not known. "
            "Expected: a score for each class; (-z/2, z/2) are those of a "
            f"logit z. Received: outputs of shape {answer.shape}"
        )
    return answer


def _is_probabilities(rows, step):
    """For each row; `step` is that to which the outputs are rounded."""
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
