"""The student's head: its own, which is trained, or the teacher's, which stays.

Whose features are the teacher's may use the teacher's head as it is: Wang et
al. 2022 (MiR, arXiv:2201.02620) train the body of the student to mimic the
features before the pooling and put the teacher's head upon it. Here the head is
put there first, so that the other terms of the loss see it too.
"""

import keras
import numpy as np

from tfdcu.graph.graph import read_graph

HEADS = ("trained", "teacher")
# Layers whose kernel is (..., channels in, channels out).
_KINDS = (keras.layers.Dense, keras.layers.Conv2D)


def check_head(head, teacher):
    """Raise if there is no such way, or no teacher to have a head.

    Args:
        head: One of `HEADS`.
        teacher: For `"teacher"`, a functional `keras.Model`.

    Raises:
        ValueError: If the way is unknown, or the teacher shows no layers.
    """
    if head not in HEADS:
        raise ValueError(
            "Unknown head of the student. Expected: one of "
            f"{list(HEADS)}. Received: head={head!r}"
        )
    if head == "teacher" and not isinstance(teacher, keras.Model):
        raise ValueError(
            "The teacher shows no head. Expected: a functional `keras.Model`, "
            f"or head='trained'. Received: teacher={teacher!r}"
        )


def put_head(student, teacher, kept=None):
    """Gives the student's last layer with weights those of the teacher's.

    Args:
        student: A functional `keras.Model`, whose head is overwritten.
        teacher: A functional `keras.Model`.
        kept: Dict from layers of the teacher to the indices of the channels
            that the student has; a layer that is not in it has all of them.

    Returns:
        List of the variables that were given their values.

    Raises:
        ValueError: If one of the heads is no dense layer or convolution, or
            their weights do not fit.
    """
    graph = read_graph(teacher)
    own, theirs = _head(read_graph(student), "student"), _head(graph, "teacher")
    values = [np.asarray(weight) for weight in theirs.op.get_weights()]
    indices = (kept or {}).get(_feeding(graph, theirs))
    if indices is not None:
        values[0] = np.take(values[0], indices, axis=-2)
    shapes = [tuple(weight.shape) for weight in own.op.weights]
    if shapes != [value.shape for value in values]:
        raise ValueError(
            "The teacher's head does not fit the student. Expected: weights "
            f"of {shapes}, as those of the student's {own.path!r}; `kept` says "
            "which of the teacher's channels a narrower student has. "
            f"Received: {[value.shape for value in values]} of the teacher's "
            f"{theirs.path!r}"
        )
    own.op.set_weights(values)
    return own.op.weights


def _head(graph, which):
    nodes = [node for node in graph.nodes if getattr(node.op, "weights", ())]
    if nodes and isinstance(nodes[-1].op, _KINDS):
        return nodes[-1]
    last = nodes and f"{type(nodes[-1].op).__name__} {nodes[-1].path!r}"
    raise ValueError(
        f"The {which} has no head to speak of. Expected: a Dense or Conv2D "
        "layer as its last one with weights, or head='trained'. "
        f"Received: {last or 'no weights'}"
    )


def _feeding(graph, head):
    """Path of the layer that gives what a node takes; `None` for the input."""
    (taken,) = head.inputs
    for node in graph.nodes:
        if any(output is taken for output in node.outputs):
            return node.path
    return None
