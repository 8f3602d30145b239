"""Teachers as functions from images to logits, whatever their input size."""

import keras
import tensorflow as tf

from tfdcu.endings import as_logits


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
        return lambda images: tf.cast(
            teacher(resized(images, teacher.input_shape), training=False),
            tf.float32,
        )
    if not callable(teacher):
        raise ValueError(
            "The teacher cannot be asked. Expected: a `keras.Model` or a "
            f"function from images to logits. Received: {teacher!r}"
        )
    return lambda images: tf.cast(teacher(images), tf.float32)


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


def resized(images, input_shape):
    """Images at the height and width that a model was built for."""
    size = input_shape[1:3]
    if len(input_shape) != 4 or None in size or images.shape[1:3] == size:
        return images
    return tf.image.resize(images, size, antialias=True)
