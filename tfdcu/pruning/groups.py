"""Groups of channels that must be removed together."""

from dataclasses import dataclass

import numpy as np
from keras.layers import Layer
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.open_model import is_plain
from tfdcu.graph.open_model import open_model
from tfdcu.pruning.rules import attention  # noqa: F401
from tfdcu.pruning.rules import concat_split  # noqa: F401
from tfdcu.pruning.rules import convolution  # noqa: F401
from tfdcu.pruning.rules import elementwise  # noqa: F401
from tfdcu.pruning.rules import matmul  # noqa: F401
from tfdcu.pruning.rules import normalization  # noqa: F401
from tfdcu.pruning.rules import parameter  # noqa: F401
from tfdcu.pruning.rules import pooling  # noqa: F401
from tfdcu.pruning.rules import recurrent  # noqa: F401
from tfdcu.pruning.rules import reduction  # noqa: F401
from tfdcu.pruning.rules import shape  # noqa: F401
from tfdcu.pruning.rules import wrappers  # noqa: F401
from tfdcu.pruning.rules.registry import find_rule
from tfdcu.pruning.rules.registry import has_rule
from tfdcu.pruning.trace import Trace
from tfdcu.workdir.arguments import check_arguments


@dataclass(frozen=True, eq=False)
class Member:
    """One weight axis that holds channels of a group.

    Attributes:
        side: The `Side`: layer, path, variable, axis and role.
        units: int array, for each position on the axis the index of its unit
            in the group, or -1 if it belongs to another group.
    """

    side: object
    units: np.ndarray


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels of several layers that are kept or removed together.

    A unit is the smallest part that can be removed: one channel of each layer
    in a residual stage, a group of a grouped convolution, an attention head.

    Attributes:
        name: Path of the first layer that produces the channels.
        layers: Paths of the layers that produce or scale them.
        units: int array, ids of the units, unique in the model.
        width: Channels of the first layer in one unit.
        members: List of `Member`.
        kept: bool array, units that must not be removed.
        reasons: Why not, a tuple of strings.
    """

    name: str
    layers: tuple
    units: np.ndarray
    width: int
    members: list
    kept: np.ndarray
    reasons: tuple

    @property
    def size(self):
        """Number of units."""
        return len(self.units)

    @property
    def prunable(self):
        """Whether at least one unit may be removed and one kept."""
        return self.size > 1 and not self.kept.all()


class Groups:
    """All groups of a model, and the map from labels to units.

    Attributes:
        trace: The `Trace`, of the model with its custom layers opened.
        original: The model as it was given.
        closed: Dict from the name of a custom layer that could not be opened
            to the reason.
        unit: int array, the unit of each label; unit 0 is never removed.
        num_units: Number of units, unit 0 included.
        all: List of `ChannelGroup`, in the order of the model.
    """

    def __init__(self, model):
        opened = open_model(model, lambda op: is_plain(op) or has_rule(op))
        self.original, self.closed = model, opened.closed
        self.trace = trace = Trace(opened.model, find_rule, opened.closed)
        self.unit = _units(trace)
        self.num_units = int(self.unit.max()) + 1
        fixed = np.zeros(self.num_units, bool)
        fixed[0] = True
        for labels, _ in trace.fixed:
            fixed[self.unit[labels]] = True
        self.fixed = fixed
        self.all = self._groups()

    def every_axis(self):
        """Label arrays of all axes of tensors and weights, without repeats."""
        arrays = [side.labels for side in self.trace.sides.values()]
        for axes in self.trace.axes.values():
            arrays += [labels for labels in axes if labels is not None]
        return list({id(labels): labels for labels in arrays}.values())

    def sides_in(self, op):
        """The `Side`s of an operation and of the layers inside it."""
        inside = all_layers(op) if isinstance(op, Layer) else [op]
        inside = {id(layer) for layer in inside}
        sides = self.trace.sides.values()
        return [side for side in sides if id(side.op) in inside]

    def _groups(self):
        trace, unit = self.trace, self.unit
        count = len(trace.origins)
        # Blocks that share a unit form one group.
        blocks = _components(count + self.num_units, trace.blocks, unit + count)
        of_unit = blocks[count:]
        names = {}
        for block in range(1, count):
            names.setdefault(blocks[block], []).append(block)
        places = np.full(self.num_units, -1)
        units_of = {}
        real = np.unique(unit[1:])
        order = np.argsort(of_unit[real], kind="stable")
        limits = np.flatnonzero(np.diff(of_unit[real][order])) + 1
        for part in np.split(real[order], limits) if len(real) else ():
            units = part[part > 0]
            if len(units):
                units_of[of_unit[units[0]]] = units
                places[units] = np.arange(len(units))
        members = {}
        for side in trace.sides.values():
            numbers = unit[side.labels]
            for group in np.unique(of_unit[numbers[numbers > 0]]):
                inside = (of_unit[numbers] == group) & (numbers > 0)
                local = np.where(inside, places[numbers], -1)
                members.setdefault(group, []).append(Member(side, local))
        reasons = self._reasons(of_unit)
        result = []
        for group in names:
            units = units_of.get(group)
            if units is None or group not in members:
                continue
            inside = members[group]
            makers = [m for m in inside if m.side.role != "in"]
            paths = tuple(dict.fromkeys(m.side.path for m in makers))
            first = next((m for m in makers if m.side.role == "out"), None)
            first = first or (makers or inside)[0]
            held = np.bincount(first.units[first.units >= 0])
            result.append(
                ChannelGroup(
                    trace.origins[names[group][0]],
                    paths,
                    units,
                    int(held.max()) if len(held) else 1,
                    inside,
                    self.fixed[units],
                    tuple(reasons.get(group, ())),
                )
            )
        return result

    def _reasons(self, of_unit):
        reasons = {}
        for labels, why in self.trace.fixed:
            units = np.unique(self.unit[labels])
            for group in np.unique(of_unit[units[units > 0]]):
                group_reasons = reasons.setdefault(group, [])
                if why not in group_reasons:
                    group_reasons.append(why)
        return reasons


def _components(size, first, second):
    """Connected component of each of `size` nodes, edges (first, second)."""
    ones = np.ones(len(first), bool)
    matrix = coo_matrix((ones, (first, second)), (size, size))
    return connected_components(matrix, directed=False)[1]


def _units(trace):
    """Unit of each label, numbered by first appearance; 0 for label 0."""
    size = len(trace.blocks)
    if trace.ties:
        first = np.concatenate([a for a, _ in trace.ties])
        second = np.concatenate([b for _, b in trace.ties])
        # Labels tied to label 0 are kept, but remain units of their own.
        pinned = (first == 0) | (second == 0)
        others = np.maximum(first, second)[pinned]
        trace.fix(others, "tied to channels that are kept")
        first, second = first[~pinned], second[~pinned]
    else:
        first = second = np.zeros(0, int)
    component = _components(size, first, second)
    _, index, inverse = np.unique(
        component, return_index=True, return_inverse=True
    )
    rank = np.argsort(np.argsort(index))
    return rank[inverse]


def channel_groups(model):
    """Finds the groups of channels that must be removed together.

    Use it to see what `prune_channels` may remove, and why it keeps the rest.
    The model's config and layers are read by one rule per layer type. A layer
    without a rule is unprunable: its channels are kept, with the layer named
    in `reasons`. Dependency groups are those of Fang et al. 2023 (DepGraph,
    arXiv:2301.12900), found by labels on every axis instead of links between
    pairs of layers.

    Args:
        model: A built functional or sequential `keras.Model`.

    Returns:
        List of `ChannelGroup`, in the order of the model.

    Raises:
        ValueError: If the model cannot be taken apart.

    Example:

    >>> for group in channel_groups(model):
    ...     print(group.name, group.size, group.prunable, group.layers)
    """
    check_arguments(model=model)
    return Groups(model).all


def groups_of(model):
    """The `Groups` of a model; those that are given, as they are."""
    if isinstance(model, Groups):
        return model
    check_arguments(model=model)
    return Groups(model)
