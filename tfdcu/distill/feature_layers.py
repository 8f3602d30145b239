"""Pairs of student and teacher layers for the feature term."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfdcu.distill.alignment import called_once
from tfdcu.graph.graph import read_graph
from tfdcu.graph.keras_private import output_within


@dataclass(frozen=True)
class Pair:
    """A layer of the student and the teacher layer it is matched to.

    Attributes:
        student: Name of the student's layer.
        teacher: Name of the teacher's layer.
        student_output: Symbolic output of the student's layer.
        teacher_output: Symbolic output of the teacher's layer.
        channels: Indices of the teacher's channels that are compared, or
            `None` for all.
    """

    student: str
    teacher: str
    student_output: object
    teacher_output: object
    channels: object = None


def default_pairs(student, teacher, kept):
    """The layers that a student without `feature_layers` is matched at.

    A pruned student has channels of its teacher, which can be compared one by
    one, and a feature map says more of an image than its few logits: on
    photos a step along the gradient of this term lowers the mimic loss of
    other images several times as much as the best step along its own.

    Args:
        student, teacher, kept: As in `AlignedDistiller`.

    Returns:
        List of `Pair`; empty for a student that was not pruned, or where the
        layers before the pooling cannot be compared.
    """
    if not kept or not isinstance(teacher, keras.Model):
        return []
    try:
        return feature_pairs(student, teacher, kept=kept)
    except ValueError:
        return []


def feature_pairs(student, teacher, feature_layers=None, kept=None):
    """Resolve `feature_layers` to pairs of layers that can be compared.

    Args:
        student: A functional `keras.Model`.
        teacher: A functional `keras.Model`.
        feature_layers: Name or names of layers, the same in student and
            teacher; a dict from names in the student to names in the teacher;
            or `None`: see `default_feature_layer`.
        kept: Dict from names of teacher layers to the indices of the channels
            that the student kept; a missing layer kept all.

    Returns:
        List of `Pair`.

    Raises:
        ValueError: If the teacher is not a functional model, a layer is
            missing or not called exactly once, or the shapes of two layers
            do not fit.
    """
    if not isinstance(teacher, keras.Model):
        raise ValueError(
            "`feature_layers` need a teacher with layers. Expected: a "
            "functional `keras.Model`, or feature_layers=None. "
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
        available = [n.path for n in called_once(read_graph(model).nodes)]
        if not names or any(name not in available for name in names):
            raise ValueError(
                f"A layer in `feature_layers` is not in the {which}. Expected: "
                f"layers that are called once, among {available}; if the "
                "teacher's names differ, a dict from the student's names to "
                f"the teacher's. Received: feature_layers={feature_layers}"
            )
    pairs = []
    for name, teacher_name in feature_layers.items():
        output = output_within(teacher, teacher_name)
        channels = kept_channels(teacher_name, output.shape[-1], kept or {})
        own = output_within(student, name)
        pairs.append(Pair(name, teacher_name, own, output, channels))
        check_shapes(pairs[-1])
    return pairs


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
        for node in called_once(read_graph(model).nodes)
        if len(node.outputs[0].shape) in (3, 4)
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


def kept_channels(name, width, kept):
    """Indices of the channels of a teacher's layer that the student kept.

    Args:
        name: Name of the layer.
        width: Int, its number of channels.
        kept: Dict from names of teacher layers to channel indices.

    Returns:
        int32 array, or `None` for all channels.

    Raises:
        ValueError: If an index is out of range.
    """
    if name not in kept:
        return None
    indices = np.asarray(kept[name], "int32")
    if indices.ndim != 1 or not ((0 <= indices) & (indices < width)).all():
        raise ValueError(
            f"Invalid indices for the teacher's layer {name!r}. "
            f"Expected: a list of indices from 0 to {width - 1}. "
            f"Received: kept[{name!r}]={kept[name]!r}"
        )
    return indices


def check_shapes(pair):
    """Raise if two layers cannot be compared channel by channel.

    Args:
        pair: A `Pair`.

    Raises:
        ValueError: If they differ in rank or channels, or, unless they are
            maps, which can be resized, in places.
    """
    student, teacher = (
        list(pair.student_output.shape),
        list(pair.teacher_output.shape),
    )
    if pair.channels is not None:
        teacher[-1] = len(pair.channels)
    same_channels = None in (student[-1], teacher[-1]) or (
        student[-1] == teacher[-1]
    )
    same_places = len(student) == 4 or student[1:-1] == teacher[1:-1]
    if same_channels and same_places and len(student) == len(teacher):
        return
    raise ValueError(
        "Features cannot be compared. Expected: layers of the same rank and "
        "channels; `kept` gives the teacher's channels that a narrower "
        f"student has. Received: the student's {pair.student!r} with outputs "
        f"{tuple(student)}, the teacher's {pair.teacher!r} with "
        f"{tuple(teacher)}"
    )
