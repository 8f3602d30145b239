"""Macs, parameters and channels of a selection, without building it."""

import numpy as np

from tfdcu.graph.graph import Tensor
from tfdcu.graph.mac_terms import MacTerm
from tfdcu.graph.macs import terms
from tfdcu.graph.resize import takes_any_size
from tfdcu.graph.traced_macs import CannotCount


class Cost:
    """A sum of products of channel counts.

    Each term is a number times the sizes of some axes; the labels of an axis
    tell how much of it is kept. One evaluation is a few NumPy operations, so
    the selection that meets a budget is found without building a model.

    Args:
        groups: The `Groups` of the model.
        products: List of `MacTerm`.
    """

    def __init__(self, groups, products):
        self._groups = groups
        self._places = {}
        self._labels = [np.zeros(1, int)]
        times, sides = [], []
        for term in products:
            factor, places = float(term.times), []
            for holder, axis in term.sides:
                labels = self._labels_of(holder, axis)
                if labels is None:
                    factor *= holder.shape[axis] or 1
                else:
                    places.append(self._place(labels))
            times.append(factor)
            sides.append(places)
        width = max((len(places) for places in sides), default=0)
        # Index 0 is a unit that is never removed: a factor of one.
        self._sides = np.zeros((len(sides), max(width, 1)), int)
        for row, places in enumerate(sides):
            self._sides[row, : len(places)] = places
        self._times = np.array(times)
        self._units = groups.unit[np.concatenate(self._labels)]
        sizes = [len(labels) for labels in self._labels]
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def __call__(self, kept):
        """Cost of keeping these units, a bool array with one entry per unit."""
        counts = np.add.reduceat(kept[self._units].astype(float), self._starts)
        return float(self._times @ counts[self._sides].prod(axis=1))

    def _labels_of(self, holder, axis):
        trace = self._groups.trace
        if isinstance(holder, Tensor):
            axes = trace.axes.get(id(holder))
            return None if axes is None else axes[axis]
        side = trace.sides.get((id(holder), axis % len(holder.shape)))
        return None if side is None else side.labels

    def _place(self, labels):
        key = id(labels)
        if key not in self._places:
            self._places[key] = len(self._labels)
            self._labels.append(labels)
        return self._places[key]


def macs_cost(groups):
    """`Cost` that counts multiply-accumulates for one image.

    Raises:
        ValueError: If a layer cannot be counted, or images are of any size.
    """
    model = groups.trace.graph.model
    if takes_any_size(model):
        raise ValueError(
            "The multiply-accumulates of the model depend on the size of its "
            "images. Expected: `image_size`, a model at one size "
            "(`tfdcu.models.at_size`), or the budget `params` instead of "
            f"`macs`. Received: {model.name!r} with inputs of shape "
            f"{tuple(model.inputs[0].shape)}."
        )
    counted, unknown = [], {}
    for node in groups.trace.graph.nodes:
        try:
            counted += terms(node)
        except CannotCount as error:
            unknown[node.path] = str(error)
    if unknown:
        raise ValueError(
            "The multiply-accumulates of the model are not known. Expected: "
            "layers whose `call` TensorFlow can trace, or the budget `params` "
            "or `latency` instead of `macs`. Received: "
            + "; ".join(f"{path!r}: {why}" for path, why in unknown.items())
        )
    return Cost(groups, counted)


def params_cost(groups):
    """`Cost` that counts weights, trainable or not, shared ones once."""
    weights = {
        id(weight): weight
        for node in groups.trace.graph.nodes
        for weight in getattr(node.op, "weights", ())
    }
    products = [
        MacTerm(1, tuple((weight, axis) for axis in range(len(weight.shape))))
        for weight in weights.values()
    ]
    return Cost(groups, products)


COSTS = {"macs": macs_cost, "params": params_cost}


def cost_of(groups, name):
    """The `Cost` that a budget is met in.

    Latency is roughly proportional to macs; where they are not known, the
    parameters stand for it.

    Args:
        groups: The `Groups` of the model.
        name: "macs", "params" or "latency".

    Returns:
        A `Cost`.

    Raises:
        ValueError: As `macs_cost`, for "macs".
    """
    if name != "latency":
        return COSTS[name](groups)
    try:
        return macs_cost(groups)
    except ValueError:
        return params_cost(groups)
