"""What a teacher is asked: logits and features, whatever its input size."""

import keras
import tensorflow as tf

from tfdcu.graph.fused import Forward
from tfdcu.graph.logits import as_logits
from tfdcu.models.resize import resized


def teacher_function(teacher):
    """A teacher as `images -> float32 logits`, out of Keras' sight.

    A plain function keeps the teacher's variables out of a distiller's
    weights, checkpoints and optimizer, and its `trainable` flags untouched.

    Args:
        teacher: A functional `keras.Model`, the softmax of which, if any, is
            left out and to the input size of which images are resized; or a
            function from float images to logits.

    Returns:
        A function from images (batch, height, width, channels) to logits
        (batch, classes).

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(teacher, keras.Model):
        teacher = as_logits(teacher)
        return asked_for(teacher, teacher.output)
    if not callable(teacher):
        raise ValueError(
            "The teacher cannot be asked. Expected: a `keras.Model` or a "
            f"function from images to logits. Received: {teacher!r}"
        )
    return lambda images: tf.cast(teacher(images), tf.float32)


def teacher_answers(teacher, num_classes, layers=()):
    """What a training step wants of a teacher, asked no more than needed.

    Logits that are stored are not asked for again; features are not stored,
    and asked for in every step, in one pass with the logits where these are
    wanted too.

    Args:
        teacher: As in `teacher_function`, or `None` where all is stored.
        num_classes: Int, how many logits the student has.
        layers: Names of layers of a Keras teacher, whose outputs are features.

    Returns:
        A function from images (batch, height, width, channels) and the stored
        logits of them, a tuple of float (part of batch, classes) or `None`,
        to `(logits, features)`, a list with one tensor a layer.

    Raises:
        ValueError: From the returned function, if there is neither a teacher
            nor stored logits, or if these are of other classes.
    """
    ask = None if teacher is None else teacher_function(teacher)
    if layers:
        teacher = as_logits(teacher)
        features = [teacher.get_layer(name).output for name in layers]
        # Without logits it ends where the last feature is made.
        ask_part = asked_for(teacher, {"features": features})
        ask_all = asked_for(
            teacher, {"logits": teacher.output, "features": features}
        )

    def answers(images, stored):
        if stored is not None:
            logits = stored_logits(stored, num_classes)
            return logits, ask_part(images)["features"] if layers else []
        if ask is None:
            raise ValueError(
                "There is nothing to follow. Expected: a teacher, or batches "
                "with its targets, as `training_batches(targets=...)` makes. "
                "Received: teacher=None and batches without targets"
            )
        if not layers:
            return tf.stop_gradient(ask(images)), []
        found = ask_all(images)
        return found["logits"], found["features"]

    return answers


def asked_for(teacher, outputs):
    """Some outputs of a teacher as a function of images, out of Keras' sight.

    Args:
        teacher: A functional `keras.Model`.
        outputs: A symbolic tensor of it, or a dict of tensors or lists of
            them.

    Returns:
        A function from images to float32 tensors in the same structure.
    """
    # Keras counts models that have no name, and so renames later ones.
    forward = Forward(keras.Model(teacher.input, outputs, name="asked"))

    def ask(images):
        images = resized(images, teacher.input_shape)
        return keras.tree.map_structure(
            lambda value: tf.stop_gradient(tf.cast(value, tf.float32)),
            forward(images, training=False),
        )

    return ask


def stored_logits(stored, num_classes):
    """The stored logits of a batch, checked against the student."""
    logits = tf.concat(stored, axis=0)
    if logits.shape[-1] != num_classes:
        raise ValueError(
            "Targets and student must know the same classes. Expected: "
            f"{num_classes} logits, as the student has. "
            f"Received: targets of shape {tuple(logits.shape)}"
        )
    return logits


def check_classes(teacher, student):
    """Raise if a Keras teacher and the student know other classes."""
    if not isinstance(teacher, keras.Model):
        return
    expected, received = teacher.output_shape[-1], student.output_shape[-1]
    if expected != received:
        raise ValueError(
            "Teacher and student must know the same classes. Expected: "
            f"{expected} logits, as the teacher has. "
            f"Received: a student with {received}"
        )


def other_size(teacher, student):
    """Whether a Keras teacher takes images of another size than the student."""
    if not isinstance(teacher, keras.Model):
        return False
    return teacher.input_shape[1:3] != student.input_shape[1:3]
