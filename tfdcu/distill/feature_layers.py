"""Which layers are tapped: those to align, and those to follow."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfdcu.distill.alignment import tappable
from tfdcu.graph.graph import read_graph


@dataclass(frozen=True)
class Pair:
    """A layer of the student, and the teacher's that it follows.

    Attributes:
        student: Name of the student's layer.
        teacher: Name of the teacher's layer.
        own: Symbolic output of the student's layer.
        theirs: Symbolic output of the teacher's layer.
    """

    student: str
    teacher: str
    own: object
    theirs: object


def feature_pairs(student, teacher, feature_layers=None):
    """The layers that are followed, and by whom.

    Args:
        student: A functional `keras.Model`.
        teacher: A functional `keras.Model`; anything else is refused.
        feature_layers: Name or names of layers of the student, with the
            teacher's of the same names; a dict from the student's names to
            the teacher's; or `None`: see `default_feature_layer`.

    Returns:
        List of `Pair`.

    Raises:
        ValueError: If the teacher has no layers to look at, or a layer is
            missing or not called exactly once.
    """
    if not isinstance(teacher, keras.Model):
        raise ValueError(
            "The teacher shows no features. Expected: a functional "
            "`keras.Model`, or features=None. "
            f"Received: teacher={teacher!r}"
        )
    if feature_layers is None:
        feature_layers = default_feature_layer(student)
    if isinstance(feature_layers, str):
        feature_layers = (feature_layers,)
    if not isinstance(feature_layers, Mapping):
        feature_layers = {name: name for name in feature_layers}
    for model, which, names in (
        (student, "student", feature_layers),
        (teacher, "teacher", feature_layers.values()),
    ):
        known = [n.path for n in read_graph(model).nodes if tappable(model, n)]
        if not names or any(name not in known for name in names):
            raise ValueError(
                f"A layer to follow is not in the {which}. Expected: layers "
                f"that are called once, among {known}; where the teacher "
                "names them otherwise, a dict from the student's names to "
                f"the teacher's. Received: feature_layers={feature_layers}"
            )
    return [
        Pair(
            own,
            theirs,
            student.get_layer(own).output,
            teacher.get_layer(theirs).output,
        )
        for own, theirs in feature_layers.items()
    ]


def default_feature_layer(model):
    """The features before the pooling: what the head makes classes of.

    The last layer with a map of more than one place; where no map is larger,
    the last with a map at all. Following that layer is what Wang et al. 2022
    do (MiR, arXiv:2201.02620); how it is found is ours.

    Args:
        model: A functional `keras.Model`.

    Returns:
        The name of a layer of `model`.

    Raises:
        ValueError: If no layer has an output (batch, height, width, channels).
    """
    maps = [
        node
        for node in read_graph(model).nodes
        if tappable(model, node) and len(node.outputs[0].shape) == 4
    ]
    wide = [n for n in maps if tuple(n.outputs[0].shape[1:3]) != (1, 1)]
    if not maps:
        raise ValueError(
            "No features before a pooling were found. Expected: a layer of "
            "the student itself (not of a model nested in it) with an output "
            "(batch, height, width, channels); name another one in "
            "`feature_layers`. Received: "
            f"layers {[layer.name for layer in model.layers]}"
        )
    return (wide or maps)[-1].path


def kept_channels(pair, kept):
    """The channels of the teacher's layer that the student's layer has.

    Args:
        pair: A `Pair`.
        kept: Dict from layers of the teacher to indices of channels.

    Returns:
        int32 array, or `None` for all channels.

    Raises:
        ValueError: If the teacher's layer has no such channels.
    """
    if pair.teacher not in kept:
        return None
    indices = np.asarray(kept[pair.teacher], "int32")
    width = pair.theirs.shape[-1]
    if indices.ndim != 1 or not ((0 <= indices) & (indices < width)).all():
        raise ValueError(
            f"The teacher's layer {pair.teacher!r} has no such channels. "
            f"Expected: a list of indices from 0 to {width - 1}. "
            f"Received: kept[{pair.teacher!r}]={kept[pair.teacher]!r}"
        )
    return indices


# What of two layers' shapes is compared one by one, the batch left out.
COMPARED = {
    "mse": ("height, width and channels", slice(1, None)),
    "attention": ("height and width", slice(1, -1)),
}


def check_alike(features, pair, indices=None):
    """Raise if the outputs of two layers cannot be compared.

    Args:
        features: Name of the loss; others than those in `COMPARED` see to it
            themselves.
        pair: A `Pair`.
        indices: Those of the teacher's channels that are compared; `None`
            for all of them.

    Raises:
        ValueError: If sizes differ that are compared one by one.
    """
    if features not in COMPARED:
        return
    what, part = COMPARED[features]
    own, theirs = list(pair.own.shape), list(pair.theirs.shape)
    if indices is not None:
        theirs[-1] = len(indices)
    both = list(zip(own[part], theirs[part]))
    alike = all(None in sizes or sizes[0] == sizes[1] for sizes in both)
    if alike and both and len(own) == len(theirs):
        return
    raise ValueError(
        f"Features cannot be compared by features={features!r}. Expected: "
        f"layers of the same {what}; `kept` says which of the teacher's "
        "channels a narrower student has, and features='relation' compares "
        f"any two layers. Received: the student's {pair.student!r} with "
        f"outputs {tuple(own)}, the teacher's {pair.teacher!r} with "
        f"{tuple(theirs)}"
    )
