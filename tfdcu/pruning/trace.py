"""`Trace`: labels on every axis tell which channels depend on one another.

Every axis of every tensor and weight has labels, one integer per position.
The rule of a layer type (`tfdcu/pruning/rules/`) creates labels for the
channels it produces, maps input labels to output labels, and ties labels that
must be kept or removed together. Positions with the same label are kept or
removed together, too. Label 0 is always kept.
"""

from dataclasses import dataclass

import numpy as np
from keras.layers import Layer

from tfdcu.graph.graph import Tensor
from tfdcu.graph.graph import read_graph
from tfdcu.graph.keras_private import all_layers

# Roles of weights that consume channels which never leave their layer.
INSIDE = "inner", "state"


@dataclass(frozen=True, eq=False)
class Side:
    """One axis of one weight, and the labels along it.

    Attributes:
        op: The layer that owns the weight.
        path: Path of the layer.
        variable: The weight.
        axis: Which axis, not negative.
        labels: int array, one label per position.
        role: "out" if the weight produces the channels, "in" if it
            consumes them, "scale" for the scale of a normalization, "inner"
            for channels inside the layer, "state" if it consumes states of
            cells of its own layer, "along" for the rest.
    """

    op: object
    path: str
    variable: object
    axis: int
    labels: np.ndarray
    role: str


class Trace:
    """The labels of a model and the constraints between them.

    Attributes:
        graph: The `Graph` that was traced.
        closed: Dict from the name of a layer to why it was not opened.
        unruled: Dict from the path of an operation without a rule to what is
            said of it.
        axes: Dict from id(tensor) to a list with one label array per axis,
            `None` for axes that never lose positions.
        sides: Dict from (id(variable), axis) to `Side`.
        origins: Path of the layer that created each block of new labels.
        blocks: int array, the block of each label.
        ties: List of pairs of label arrays, tied position by position.
        fixed: List of (labels, reason): labels that are never removed.
        edits: Dict from (id(op), key) to (op, labels, function): changes to
            the layer configs of the smaller model.
        call_edits: Dict from (id(call), key) to (op, labels, function):
            changes to the arguments of calls.
        factors: Dict from id(variable) to (op, labels, function): weights
            whose values are multiplied by a function of channel counts.
        made: Tensors that rules created, kept alive.
        plain: Keys as in `sides`, of axes that never lose positions.
    """

    def __init__(self, model, find, closed=None):
        """Traces `model`; `find` maps an operation to its rule.

        `closed` maps names of custom layers to why they were not opened.
        """
        self.closed = closed or {}
        self.unruled = {}
        self.graph = read_graph(model)
        self.axes = {}
        self.sides = {}
        self.origins = [""]
        self.ties = []
        self.fixed = []
        self.edits = {}
        self.call_edits = {}
        self.factors = {}
        self.plain = set()
        self.made = []
        self._sizes = [1]
        self._next = 1
        self._new = {}
        for tensor in self.graph.inputs:
            self.axes[id(tensor)] = [None] * len(tensor.shape)
        for node in self.graph.nodes:
            self._follow(node, find(node.op))
        self._tie_entries()
        self._fix_inner_layers()
        for tensor in self.graph.outputs:
            for labels in self.axes[id(tensor)]:
                self.fix(labels, "output of the model")
        self.blocks = np.repeat(np.arange(len(self._sizes)), self._sizes)

    def _follow(self, node, rule):
        outputs = rule(Step(self, node))
        if not outputs or not isinstance(outputs[0], list):
            outputs = [outputs]
        for tensor, axes in zip(node.outputs, outputs):
            if tensor.shape is not None and not _fits(axes, tensor.shape):
                raise ValueError(
                    f"The rule of {type(node.op).__name__} {node.path!r} does "
                    "not match its output. Expected: labels for each axis of "
                    f"shape {tensor.shape}. Received: axes with "
                    f"{[None if x is None else len(x) for x in axes]} labels."
                )
            self.axes[id(tensor)] = list(axes)

    def _tie_entries(self):
        """Ties the inputs of all calls of a nested model."""
        first_calls = {}
        for model, tensors in self.graph.entries:
            first_tensors = first_calls.setdefault(id(model), tensors)
            why = f"input of {model.name!r}, which is called more than once"
            for tensor, first_tensor in zip(tensors, first_tensors):
                axes = zip(self.axes[id(tensor)], self.axes[id(first_tensor)])
                for labels, first_labels in axes:
                    self.tie(labels, first_labels, why)

    def _fix_inner_layers(self):
        """Keeps the channels of layers that are also inside another layer."""
        nodes = self.graph.nodes
        calls = [(node.op, [*node.inputs, *node.outputs]) for node in nodes]
        calls += self.graph.entries
        inner_ids = {
            id(inner)
            for node in nodes
            if isinstance(node.op, Layer)
            for inner in all_layers(node.op, itself=False)
        }
        labels_of = [(side.op, side.labels) for side in self.sides.values()]
        for op, tensors in calls:
            for tensor in tensors:
                labels_of += [(op, labels) for labels in self.axes[id(tensor)]]
        both = inner_ids & {id(op) for op, _ in calls}
        both |= self._with_inner_weights()
        for op, labels in labels_of:
            if id(op) in both:
                self.fix(labels, f"{op.name!r} is also inside another layer")

    def _with_inner_weights(self):
        """Ids of operations with a weight of a layer inside another one."""
        ops = {id(node.op): node.op for node in self.graph.nodes}
        held = {
            key: {
                id(weight)
                for inner in all_layers(op, itself=False)
                for weight in inner.weights
            }
            for key, op in ops.items()
            if isinstance(op, Layer)
        }
        inner = {key: weights for key, weights in held.items() if weights}
        return {
            key
            for key, op in ops.items()
            for weight in getattr(op, "weights", ())
            if any(id(weight) in w for k, w in inner.items() if k != key)
        }

    def new(self, key, size, path):
        """New labels; the same ones if the key is used again."""
        if key not in self._new:
            self._new[key] = np.arange(self._next, self._next + size)
            self._next += size
            self._sizes.append(size)
            self.origins.append(path)
        return self._new[key]

    def tie(self, first, second, why):
        """Ties two axes: the same positions are kept and removed."""
        if first is second:
            return
        if first is None or second is None or len(first) != len(second):
            self.fix(first, why)
            self.fix(second, why)
            return
        self.ties.append((first, second))

    def fix(self, labels, why):
        """Marks labels that are never removed."""
        if labels is not None:
            self.fixed.append((labels, why))


def _fits(axes, shape):
    """Whether there is one entry per axis, with one label per position."""
    return len(axes) == len(shape) and all(
        labels is None or size is None or len(labels) == size
        for labels, size in zip(axes, shape)
    )


class Step:
    """One call of a layer, as a rule reads and annotates it.

    Attributes:
        op: The live layer or operation.
        node: The `Node`: arguments, inputs and outputs with shapes.
        path: Path of the layer.
    """

    def __init__(self, trace, node):
        self.trace = trace
        self.node = node
        self.op = node.op
        self.path = node.path
        self.inputs = node.inputs

    def axes(self, value=None):
        """Labels on each axis of a tensor, by default the first input.

        Constants have `None` on every axis.
        """
        value = self.inputs[0] if value is None else value
        if isinstance(value, Tensor):
            axes = self.trace.axes.get(id(value))
            return list(axes) if axes is not None else []
        return [None] * len(np.shape(value))

    def new(self, name, size):
        """New labels for channels that this layer produces."""
        key = (id(self.op), name)
        return self.trace.new(key, int(size), self.path)

    def tie(self, first, second):
        """Ties two label arrays: kept and removed together."""
        why = f"tied to channels that are kept, in {self.path!r}"
        self.trace.tie(first, second, why)

    def fix(self, labels, why=None):
        """Marks channels that are always kept."""
        kind = type(self.op).__name__
        self.trace.fix(labels, why or f"{kind} {self.path!r}")

    def weight(self, variable, axis, labels, role="along"):
        """Sets the labels on an axis of a weight."""
        if variable is None:
            return
        axis = axis % len(variable.shape)
        key = (id(variable), axis)
        sides, plain = self.trace.sides, self.trace.plain
        if key in sides:
            self.tie(sides[key].labels, labels)
        elif labels is None:
            plain.add(key)
        elif key in plain or len(labels) != variable.shape[axis]:
            self.tie(None, labels)
        else:
            sides[key] = Side(self.op, self.path, variable, axis, labels, role)

    def size(self, key, labels):
        """Declares that config entry `key` is the number of these channels."""

        def change(config, count):
            if labels is not None:
                config[key] = count(labels)

        self.edit(key, [labels], change)

    def edit(self, key, labels, change):
        """Registers a change of the layer's config.

        Args:
            key: Name of the change, unique in the layer.
            labels: List of label arrays that it depends on, in a fixed order;
                those of a second call of the layer are tied to the first's.
            change: Function (config, count) that edits the config in place;
                `count(labels)` is the number of kept positions.
        """
        self._remember(
            self.trace.edits, (id(self.op), key), labels, change, self.op
        )

    def edit_call(self, key, labels, change):
        """Registers a change of the arguments of this call.

        Args:
            key: Name of the change, unique in the call.
            labels: As in `edit`.
            change: Function (args, kwargs, keep) -> (args, kwargs);
                `keep(labels)` returns the indices to keep.
        """
        key = (id(self.node.call), key)
        self._remember(self.trace.call_edits, key, labels, change, self.op)

    def multiply(self, variable, labels, factor):
        """Multiplies a weight by `factor(count before, count after)`."""
        key = id(variable)
        self._remember(self.trace.factors, key, [labels], factor, self.op)

    def keep_alive(self, tensor):
        """Keeps a tensor of a rule alive, so that its id stays unique."""
        self.trace.made.append(tensor)

    def _remember(self, store, key, labels, change, op):
        if key in store:
            for mine, theirs in zip(labels, store[key][1]):
                self.tie(mine, theirs)
            return
        store[key] = (op, labels, change)
