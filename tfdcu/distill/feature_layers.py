"""Pairs of student and teacher layers for the feature term."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfdcu.distill.alignment import called_once
from tfdcu.distill.alignment import name_inside
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
        List of `Pair`; empty without `kept`, for a student that has no
        feature map or whose last one is of a layer that the teacher does not
        have. It is empty, with a warning, if that layer cannot be compared.

    Raises:
        ValueError: If an index in `kept` is out of range.
    """
    if kept is None or not isinstance(teacher, keras.Model):
        return []
    if not feature_maps(student):
        return []
    name = default_feature_layer(student)
    if name not in layer_names(teacher):
        return []
    pair = pair_of(student, name, teacher, name, kept)
    if not are_comparable(pair):
        warnings.warn(
            "The student's features are not matched to its teacher's: those "
            f"of {name!r} cannot be compared, and `kept` does not say which "
            "channels they are. `feature_layers` names others.",
            stacklevel=3,
        )
        return []
    return [pair]


def feature_pairs(student, teacher, feature_layers=None, kept=None):
    """Resolve `feature_layers` to pairs of layers that can be compared.

    Args:
        student: A functional `keras.Model`, as of `inside_of`.
        teacher: A functional `keras.Model`, as of `inside_of`.
        feature_layers: Name or names of layers, the same in student and
            teacher; a dict from names in the student to names in the teacher;
            or `None`: see `default_feature_layer`. A layer of a nested model
            is "base/conv" or "base_conv".
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
    feature_layers = {
        name_inside(name): name_inside(other)
        for name, other in feature_layers.items()
    }
    for model, which, names in (
        (student, "student", feature_layers),
        (teacher, "teacher", feature_layers.values()),
    ):
        available = layer_names(model)
        if not names or any(name not in available for name in names):
            raise ValueError(
                f"A layer in `feature_layers` is not in the {which}. Expected: "
                f"layers that are called once, among {available}; if the "
                "teacher's names differ, a dict from the student's names to "
                f"the teacher's. Received: feature_layers={feature_layers}"
            )
    pairs = [
        pair_of(student, name, teacher, other, kept or {})
        for name, other in feature_layers.items()
    ]
    for pair in pairs:
        check_shapes(pair)
    return pairs


def layer_names(model):
    """Names of the layers whose outputs can be compared."""
    return [node.path for node in called_once(read_graph(model).nodes)]


def pair_of(student, name, teacher, teacher_name, kept):
    """The `Pair` of two layers; the arguments are those of `feature_pairs`."""
    output = output_within(teacher, teacher_name)
    # A plan names the layers of a nested model by their paths.
    kept = {name_inside(path): indices for path, indices in kept.items()}
    channels = kept_channels(teacher_name, output.shape[-1], kept)
    own = output_within(student, name)
    return Pair(name, teacher_name, own, output, channels)


def feature_maps(model):
    """The nodes of layers with features of several places or of one map."""
    return [
        node
        for node in called_once(read_graph(model).nodes)
        if len(node.outputs[0].shape) in (3, 4)
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
    maps = feature_maps(model)
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


def are_comparable(pair):
    """Whether two layers can be compared channel by channel.

    Args:
        pair: A `Pair`.

    Returns:
        Bool: whether they agree in rank and channels and, unless they are
        maps, which can be resized, in places.
    """
    student, teacher = compared_shapes(pair)
    same_channels = None in (student[-1], teacher[-1]) or (
        student[-1] == teacher[-1]
    )
    same_places = len(student) == 4 or student[1:-1] == teacher[1:-1]
    return same_channels and same_places and len(student) == len(teacher)


def compared_shapes(pair):
    """The shapes of both outputs of a `Pair`, of the compared channels."""
    student, teacher = pair.student_output.shape, pair.teacher_output.shape
    if pair.channels is not None:
        teacher = (*teacher[:-1], len(pair.channels))
    return tuple(student), tuple(teacher)


def check_shapes(pair):
    """Raise if two layers are not comparable.

    Args:
        pair: A `Pair`.

    Raises:
        ValueError: See `are_comparable`.
    """
    if are_comparable(pair):
        return
    student, teacher = compared_shapes(pair)
    raise ValueError(
        "Features cannot be compared. Expected: layers of the same rank and "
        "channels; `kept` gives the teacher's channels that a narrower "
        f"student has. Received: the student's {pair.student!r} with outputs "
        f"{student}, the teacher's {pair.teacher!r} with {teacher}"
    )
