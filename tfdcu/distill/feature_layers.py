"""Pairs of student and teacher layers for the feature loss."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfdcu.distill.alignment import tappable
from tfdcu.graph.graph import read_graph


@dataclass(frozen=True)
class Pair:
    """A layer of the student and the teacher layer it is matched to.

    Attributes:
        student: Name of the student's layer.
        teacher: Name of the teacher's layer.
        student_output: Symbolic output of the student's layer.
        teacher_output: Symbolic output of the teacher's layer.
    """

    student: str
    teacher: str
    student_output: object
    teacher_output: object


def feature_pairs(student, teacher, feature_layers=None):
    """Resolve `feature_layers` to pairs of layers.

    Args:
        student: A functional `keras.Model`.
        teacher: A functional `keras.Model`.
        feature_layers: Name or names of layers, the same in student and
            teacher; a dict from names in the student to names in the teacher;
            or `None`: see `default_feature_layer`.

    Returns:
        List of `Pair`.

    Raises:
        ValueError: If the teacher is not a functional model, or a layer is
            missing or not called exactly once.
    """
    if not isinstance(teacher, keras.Model):
        raise ValueError(
            "`features` needs a teacher with layers. Expected: a functional "
            "`keras.Model`, or features=None. "
            f"Received: teacher={teacher!r}"
        )
    if feature_layers is None:
        feature_layers = default_feature_layer(student)
    several = hasattr(feature_layers, "__iter__")
    if isinstance(feature_layers, str) or not several:
        feature_layers = (feature_layers,)
    if not isinstance(feature_layers, Mapping):
        feature_layers = {name: name for name in feature_layers}
    for model, which, names in (
        (student, "student", feature_layers),
        (teacher, "teacher", feature_layers.values()),
    ):
        available = [
            n.path for n in read_graph(model).nodes if tappable(model, n)
        ]
        if not names or any(name not in available for name in names):
            raise ValueError(
                f"A layer in `feature_layers` is not in the {which}. Expected: "
                f"layers that are called once, among {available}; if the "
                "teacher's names differ, a dict from the student's names to "
                f"the teacher's. Received: feature_layers={feature_layers}"
            )
    return [
        Pair(
            name,
            teacher_name,
            student.get_layer(name).output,
            teacher.get_layer(teacher_name).output,
        )
        for name, teacher_name in feature_layers.items()
    ]


def default_feature_layer(model):
    """The layer before global pooling.

    The last layer with features of several places, a map or the tokens of a
    transformer, or the last one with a map if there is none. Wang et al. 2022
    (MiR, arXiv:2201.02620) match the features before pooling.

    Args:
        model: A functional `keras.Model`.

    Returns:
        The name of a layer of `model`.

    Raises:
        ValueError: If no layer outputs (batch, height, width, channels) or
            (batch, tokens, channels).
    """
    maps = [
        node
        for node in read_graph(model).nodes
        if tappable(model, node) and len(node.outputs[0].shape) in (3, 4)
    ]
    wide = [n for n in maps if {*n.outputs[0].shape[1:-1]} != {1}]
    if not maps:
        raise ValueError(
            "No layer with a feature map was found. Expected: a layer of the "
            "student itself (not of a nested model) with an output "
            "(batch, height, width, channels) or (batch, tokens, channels), or "
            "the name of another one in `feature_layers`. Received: "
            f"layers {[layer.name for layer in model.layers]}"
        )
    return (wide or maps)[-1].path


def default_features(student, teacher, kept):
    """The feature loss of a student that is given none.

    A pruned student has channels of its teacher, which can be compared one by
    one, and a feature map says more of an image than its few logits: on
    photos a step along the gradient of `"mse"` lowers the mimic loss of other
    images several times as much as the best step along its own.

    Args:
        student, teacher, kept: As in `AlignedDistiller`.

    Returns:
        `"mse"`, or `None` for a student that was not pruned, or where the
        layers before the pooling cannot be compared.
    """
    if not kept or not isinstance(teacher, keras.Model):
        return None
    try:
        for pair in feature_pairs(student, teacher):
            check_shapes("mse", pair, kept_channels(pair, kept))
    except ValueError:
        return None
    return "mse"


def kept_channels(pair, kept):
    """Indices of the teacher's channels that the student kept.

    Args:
        pair: A `Pair`.
        kept: Dict from names of teacher layers to channel indices.

    Returns:
        int32 array, or `None` for all channels.

    Raises:
        ValueError: If an index is out of range.
    """
    if pair.teacher not in kept:
        return None
    indices = np.asarray(kept[pair.teacher], "int32")
    width = pair.teacher_output.shape[-1]
    if indices.ndim != 1 or not ((0 <= indices) & (indices < width)).all():
        raise ValueError(
            f"Invalid indices for the teacher's layer {pair.teacher!r}. "
            f"Expected: a list of indices from 0 to {width - 1}. "
            f"Received: kept[{pair.teacher!r}]={kept[pair.teacher]!r}"
        )
    return indices


# What two layers must have in common, by loss. Maps of another height and
# width are resized.
COMPARED = {"mse": "rank and channels", "attention": "rank"}


def check_shapes(features, pair, indices=None):
    """Raise if the shapes of two layers do not fit a feature loss.

    Args:
        features: The loss; only names in `COMPARED` are checked.
        pair: A `Pair`.
        indices: Indices of the teacher's channels that are compared, or
            `None` for all.

    Raises:
        ValueError: If the shapes differ where they must agree.
    """
    if features not in COMPARED:
        return
    student_shape, teacher_shape = (
        list(pair.student_output.shape),
        list(pair.teacher_output.shape),
    )
    if indices is not None:
        teacher_shape[-1] = len(indices)
    # Only maps can be resized, and have a place for the strength.
    mapped = len(student_shape) == 4
    ends = (student_shape[-1], teacher_shape[-1])
    same_channels = None in ends or ends[0] == ends[1]
    same_places = mapped or student_shape[1:-1] == teacher_shape[1:-1]
    fits = same_channels if features == "mse" else len(student_shape) > 2
    if fits and same_places and len(student_shape) == len(teacher_shape):
        return
    raise ValueError(
        f"Features cannot be compared with features={features!r}. Expected: "
        f"layers of the same {COMPARED[features]}, maps for 'attention'; "
        "`kept` gives the teacher's channels that a narrower student has, and "
        "features='relation' compares layers of any shape. Received: the "
        f"student's {pair.student!r} with "
        f"outputs {tuple(student_shape)}, the teacher's {pair.teacher!r} with "
        f"{tuple(teacher_shape)}"
    )
