"""The teacher's logits and features for training."""

import keras
import tensorflow as tf

from tfdcu.graph.fused import Forward
from tfdcu.graph.heads import as_heads
from tfdcu.graph.keras_private import output_within
from tfdcu.graph.parse import structure
from tfdcu.graph.resize import resized


def teacher_function(teacher):
    """Wrap a teacher as a plain function from images to float32 logits.

    Keras does not track a plain function, so the teacher's variables stay out
    of a distiller's weights, checkpoints and optimizer, and its `trainable`
    flags are not changed.

    Args:
        teacher: A functional `keras.Model`, whose final softmax, if any, is
            removed and to whose input size images are resized; or a function
            from float images to logits.

    Returns:
        A function from images (batch, height, width, channels) to logits
        (batch, classes).

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(teacher, keras.Model):
        teacher = as_heads(teacher)
        return output_function(teacher, structure(teacher, "output"))
    if not callable(teacher):
        raise ValueError(
            "Invalid value for `teacher`. Expected: a `keras.Model` or a "
            f"function from images to logits. Received: {teacher!r}"
        )
    return lambda images: keras.tree.map_structure(
        lambda value: tf.cast(value, tf.float32), teacher(images)
    )


def teacher_outputs(teacher, num_classes, layers=()):
    """A function to the teacher's logits and features for a training step.

    Stored logits are used where there are some. Features are not stored and
    are computed in every step, in one pass with the logits if needed.

    Args:
        teacher: As in `teacher_function`, or `None` if all logits are stored.
        num_classes: Int, number of logits of the student.
        layers: Names of the layers of a Keras teacher whose outputs are the
            features.

    Returns:
        A function from images (batch, height, width, channels) and their
        stored logits, a tuple of float (part of batch, classes) or `None`, to
        `(logits, features)`; `features` is a list with one tensor per layer.

    Raises:
        ValueError: From the returned function, if there is neither a teacher
            nor stored logits, or if these have another number of classes.
    """
    compute_logits = None if teacher is None else teacher_function(teacher)
    if layers:
        teacher = as_heads(teacher)
        features = [output_within(teacher, name) for name in layers]
        # Stops at the last feature layer.
        compute_features = output_function(teacher, {"features": features})
        compute_both = output_function(
            teacher,
            {"logits": structure(teacher, "output"), "features": features},
        )

    def compute(images, stored):
        if stored is not None:
            logits = stored_logits(stored, num_classes)
            if not layers:
                return logits, []
            return logits, compute_features(images)["features"]
        if compute_logits is None:
            raise ValueError(
                "There is no teacher and there are no targets. Expected: a "
                "teacher, or batches with targets, as returned by "
                "`training_batches(targets=...)`. "
                "Received: teacher=None and batches without targets"
            )
        if not layers:
            logits = compute_logits(images)
            return keras.tree.map_structure(tf.stop_gradient, logits), []
        outputs = compute_both(images)
        return outputs["logits"], outputs["features"]

    return compute


def output_function(teacher, outputs):
    """A plain function from images to some outputs of a teacher.

    Args:
        teacher: A functional `keras.Model`.
        outputs: A symbolic tensor of it, or a dict of tensors or lists of
            tensors.

    Returns:
        A function from images to float32 tensors in the same structure.
    """
    # An unnamed model would change the automatic names of later models.
    given = structure(teacher, "input")
    forward = Forward(keras.Model(given, outputs, name="teacher_outputs"))

    def compute(images):
        images = resized(images, teacher.input_shape)
        return keras.tree.map_structure(
            lambda value: tf.stop_gradient(tf.cast(value, tf.float32)),
            forward(images, training=False),
        )

    return compute


def stored_logits(stored, num_classes):
    """The stored logits of a batch, validated against the student."""
    logits = tf.concat(stored, axis=0)
    if logits.shape[-1] != num_classes:
        raise ValueError(
            "Targets and student differ in the number of classes. Expected: "
            f"{num_classes} logits, as the student has. "
            f"Received: targets of shape {tuple(logits.shape)}"
        )
    return logits


def check_classes(teacher, student):
    """Raise if teacher and student differ in the number of classes."""
    if not isinstance(teacher, keras.Model):
        return
    shapes = [
        [tuple(output.shape[1:]) for output in model.outputs]
        for model in (teacher, student)
    ]
    expected, received = teacher.output_shape[-1], student.output_shape[-1]
    if shapes[0] != shapes[1] and [len(s) for s in shapes[0]] != [1]:
        raise ValueError(
            "Teacher and student differ in their outputs. Expected: shapes "
            f"{shapes[0]} without the batch, as the teacher has. Received: a "
            f"student with {shapes[1]}"
        )
    if expected != received:
        raise ValueError(
            "Teacher and student differ in the number of classes. Expected: "
            f"{expected} logits, as the teacher has. "
            f"Received: a student with {received}"
        )


def different_size(teacher, student):
    """Whether teacher and student have different input sizes."""
    if not isinstance(teacher, keras.Model):
        return False
    return teacher.input_shape[1:3] != student.input_shape[1:3]
