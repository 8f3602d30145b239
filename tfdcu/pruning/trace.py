"""Which channels of a model belong together: labels on every axis.

Every axis of every tensor and weight carries labels, one integer a position.
A rule of each layer type (`tfdcu/pruning/rules/`) says where new labels
begin, how labels pass from inputs to outputs, and which must be the same.
Positions with the same label, or with labels tied together, are kept or
removed together. Label 0 is always kept.
"""

from dataclasses import dataclass

import numpy as np
from keras.layers import Layer

from tfdcu.graph.graph import Tensor
from tfdcu.graph.graph import read_graph


@dataclass(frozen=True, eq=False)
class Side:
    """One axis of one weight, and the labels along it.

    Attributes:
        op: The layer that owns the weight.
        path: Path of the layer.
        variable: The weight.
        axis: Which axis, not negative.
        labels: int array, one label a position.
        role: "out" where the weight makes the channels, "in" where it
            consumes them, "scale" for a normalization's factor, "inner" for
            channels that live inside the layer, "along" for the rest.
    """

    op: object
    path: str
    variable: object
    axis: int
    labels: np.ndarray
    role: str


class Trace:
    """The labels of a whole model, and what must hold between them.

    Attributes:
        graph: The `Graph` that was traced.
        axes: Dict from id(tensor) to a list with one label array an axis,
            `None` for axes of which nothing is ever removed.
        sides: Dict from (id(variable), axis) to `Side`.
        origins: Path of the layer that began each block of new labels.
        blocks: int array, the block of each label.
        ties: List of pairs of label arrays, the same position by position.
        fixed: List of (labels, reason): never removed.
        edits: Dict from (id(op), key) to (op, labels, function): the changes
            to configs that a smaller model needs.
        call_edits: Dict from (id(call), key) to (op, labels, function), the
            same for the arguments of calls.
        factors: Dict from id(variable) to (op, labels, function): weights
            that change their values with a count of channels.
        made: Tensors that rules made for themselves.
        plain: Keys like those of `sides`, of axes that never lose anything.
    """

    def __init__(self, model, find):
        """Traces `model`; `find` maps an operation to its rule."""
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
        self._fix_what_is_held()
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
                    "not fit its output. Expected labels for each axis of "
                    f"shape {tensor.shape}. Received: axes of "
                    f"{[None if x is None else len(x) for x in axes]} labels."
                )
            self.axes[id(tensor)] = list(axes)

    def _tie_entries(self):
        """A nested model has one input shape, however often it is called."""
        first = {}
        for model, tensors in self.graph.entries:
            known = first.setdefault(id(model), tensors)
            why = f"input of {model.name!r}, which is called twice"
            for mine, theirs in zip(tensors, known):
                axes = zip(self.axes[id(mine)], self.axes[id(theirs)])
                for one, other in axes:
                    self.tie(one, other, why)

    def _fix_what_is_held(self):
        """What also computes inside of another layer loses nothing."""
        nodes = self.graph.nodes
        calls = [(node.op, [*node.inputs, *node.outputs]) for node in nodes]
        calls += self.graph.entries
        held = {
            id(inner)
            for node in nodes
            if isinstance(node.op, Layer)
            for inner in node.op._flatten_layers(include_self=False)
        }
        found = [(side.op, side.labels) for side in self.sides.values()]
        for op, tensors in calls:
            for tensor in tensors:
                found += [(op, labels) for labels in self.axes[id(tensor)]]
        both = held & {id(op) for op, _ in calls}
        for op, labels in found:
            if id(op) in both:
                self.fix(labels, f"{op.name!r} stands in another layer, too")

    def new(self, key, size, path):
        """Labels that no other axis has; the same again for the same key."""
        if key not in self._new:
            self._new[key] = np.arange(self._next, self._next + size)
            self._next += size
            self._sizes.append(size)
            self.origins.append(path)
        return self._new[key]

    def tie(self, first, second, why):
        """Two axes keep and lose the same positions."""
        if first is second:
            return
        if first is None or second is None or len(first) != len(second):
            self.fix(first, why)
            self.fix(second, why)
            return
        self.ties.append((first, second))

    def fix(self, labels, why):
        """Nothing with these labels is ever removed."""
        if labels is not None:
            self.fixed.append((labels, why))


def _fits(axes, shape):
    """Whether there is one entry an axis, with one label a position."""
    return len(axes) == len(shape) and all(
        labels is None or size is None or len(labels) == size
        for labels, size in zip(axes, shape)
    )


class Step:
    """What a rule sees of one call, and what it may say about it.

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
        """Labels of a tensor (the first input by default), a list of axes.

        Constants have `None` on every axis.
        """
        value = self.inputs[0] if value is None else value
        if isinstance(value, Tensor):
            known = self.trace.axes.get(id(value))
            return list(known) if known is not None else []
        return [None] * len(np.shape(value))

    def new(self, name, size):
        """New labels for an axis that this layer makes."""
        key = (id(self.op), name)
        return self.trace.new(key, int(size), self.path)

    def tie(self, first, second):
        """Two label arrays are kept and removed alike."""
        why = f"meets channels that are kept, in {self.path!r}"
        self.trace.tie(first, second, why)

    def fix(self, labels, why=None):
        """These channels are kept."""
        kind = type(self.op).__name__
        self.trace.fix(labels, why or f"{kind} {self.path!r}")

    def weight(self, variable, axis, labels, role="along"):
        """An axis of a weight carries these labels."""
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
        """The layer's config entry `key` is the number of these channels."""

        def change(config, count):
            if labels is not None:
                config[key] = count(labels)

        self.edit(key, [labels], change)

    def edit(self, key, labels, change):
        """The layer's config follows these labels.

        Args:
            key: Name of the change, unique in the layer.
            labels: The label arrays it depends on, in a fixed order; those
                of a second call of the layer are tied to the first's.
            change: Function (config, count) that edits the config in place;
                `count(labels)` is how many are kept.
        """
        self._remember(
            self.trace.edits, (id(self.op), key), labels, change, self.op
        )

    def edit_call(self, key, labels, change):
        """The arguments of the call follow these labels.

        Args:
            key: Name of the change, unique in the call.
            labels: Like `edit`.
            change: Function (args, kwargs, keep) -> (args, kwargs);
                `keep(labels)` are the indices that stay.
        """
        key = (id(self.node.call), key)
        self._remember(self.trace.call_edits, key, labels, change, self.op)

    def multiply(self, variable, labels, factor):
        """The weight is multiplied by `factor(count before, count after)`."""
        key = id(variable)
        self._remember(self.trace.factors, key, [labels], factor, self.op)

    def keep_alive(self, tensor):
        """Holds a tensor that a rule made, whose id must stay its own."""
        self.trace.made.append(tensor)

    def _remember(self, store, key, labels, change, op):
        if key in store:
            for mine, theirs in zip(labels, store[key][1]):
                self.tie(mine, theirs)
            return
        store[key] = (op, labels, change)
