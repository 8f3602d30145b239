"""The student's head: its own, trained, or the teacher's, fixed.

Wang et al. 2022 (MiR, arXiv:2201.02620) train the student's body to match the
features before pooling and then attach the teacher's head. Here the head is
attached before training, so that the other loss terms use it too.
"""

import keras
import numpy as np

from tfdcu.graph.graph import read_graph

HEADS = ("trained", "teacher")
# Layers with a kernel (..., channels in, channels out).
_HEAD_LAYERS = (keras.layers.Dense, keras.layers.Conv2D)


def check_head(head, teacher):
    """Validate the `head` argument.

    Args:
        head: One of `HEADS`.
        teacher: For `"teacher"`, a functional `keras.Model`.

    Raises:
        ValueError: If `head` is unknown or the teacher is not a Keras model.
    """
    if head not in HEADS:
        raise ValueError(
            "Invalid value for `head`. Expected: one of "
            f"{list(HEADS)}. Received: head={head!r}"
        )
    if head == "teacher" and not isinstance(teacher, keras.Model):
        raise ValueError(
            "head='teacher' needs a Keras teacher. Expected: a functional "
            "`keras.Model`, or "
            f"head='trained'. Received: teacher={teacher!r}"
        )


def copy_head(student, teacher, kept=None):
    """Copy the weights of the teacher's last layer to the student's.

    Args:
        student: A functional `keras.Model`, whose head is overwritten.
        teacher: A functional `keras.Model`.
        kept: Dict from names of teacher layers to the indices of the channels
            that the student kept; a missing layer kept all.

    Returns:
        List of the overwritten variables.

    Raises:
        ValueError: If a head is not a Dense or Conv2D layer, or the shapes of
            the weights differ.
    """
    graph = read_graph(teacher)
    teacher_head = _head(graph, "teacher")
    student_head = _head(read_graph(student), "student")
    values = [np.asarray(weight) for weight in teacher_head.op.get_weights()]
    indices = (kept or {}).get(_producer(graph, teacher_head))
    if indices is not None:
        values[0] = np.take(values[0], indices, axis=-2)
    shapes = [tuple(weight.shape) for weight in student_head.op.weights]
    if shapes != [value.shape for value in values]:
        raise ValueError(
            "The teacher's head does not fit the student. Expected: weights "
            f"of {shapes}, as those of the student's {student_head.path!r}; "
            "`kept` gives the teacher's channels that a narrower student has. "
            f"Received: {[value.shape for value in values]} of the teacher's "
            f"{teacher_head.path!r}"
        )
    student_head.op.set_weights(values)
    return student_head.op.weights


def _head(graph, which):
    nodes = [node for node in graph.nodes if getattr(node.op, "weights", ())]
    if nodes and isinstance(nodes[-1].op, _HEAD_LAYERS):
        return nodes[-1]
    last = nodes and f"{type(nodes[-1].op).__name__} {nodes[-1].path!r}"
    raise ValueError(
        f"The {which} has no suitable head. Expected: a Dense or Conv2D "
        "layer as the last layer with weights, or head='trained'. "
        f"Received: {last or 'no weights'}"
    )


def _producer(graph, head):
    """Path of the layer whose output `head` takes; `None` for the input."""
    (taken,) = head.inputs
    for node in graph.nodes:
        if any(output is taken for output in node.outputs):
            return node.path
    return None
