"""A functional model as plain data: its operations and tensors."""

from dataclasses import dataclass

from keras import tree

from tfdcu.graph.parse import Call
from tfdcu.graph.parse import ParsedModel
from tfdcu.graph.parse import Ref
from tfdcu.graph.parse import parse_model
from tfdcu.graph.parse import refs_in


@dataclass(eq=False)
class Tensor:
    """A symbolic tensor of the flattened graph; compared by identity.

    Attributes:
        shape: Tuple of sizes, `None` where the size is not known.
        dtype: Name of the element type.
    """

    shape: tuple
    dtype: str = "float32"


@dataclass(eq=False)
class Node:
    """One call of one operation, nested models already taken apart.

    Attributes:
        op: The live `keras.layers.Layer` or `keras.Operation`.
        path: Names of the models around it and its own, joined by "/".
        args: Positional arguments of the call, `Tensor`s inside.
        kwargs: Keyword arguments of the call, `Tensor`s inside.
        outputs: List of the `Tensor`s that the call returns.
        call: The `Call` in its level, the same object for each time that
            a nested model is entered.
    """

    op: object
    path: str
    args: tuple
    kwargs: dict
    outputs: list
    call: object = None

    @property
    def inputs(self):
        """The `Tensor`s among the arguments, in order."""
        return tensors_in((self.args, self.kwargs))


@dataclass(eq=False)
class Graph:
    """The flattened model.

    Attributes:
        model: The model that was read.
        level: The same as a tree of `ParsedModel`s, nesting kept.
        nodes: List of `Node` in topological order, without input layers.
        inputs: List of `Tensor`, in the order of `model.inputs`.
        outputs: List of `Tensor`, in the order of `model.outputs`.
        entries: List of (nested model, its input `Tensor`s), one a call.
    """

    model: object
    level: ParsedModel
    nodes: list
    inputs: list
    outputs: list
    entries: list

    def only_user(self, tensor):
        """The `Node` that alone takes a tensor; `None` if it is an output."""
        users = [n for n in self.nodes if any(t is tensor for t in n.inputs)]
        ends = any(t is tensor for t in self.outputs)
        return users[0] if len(users) == 1 and not ends else None


def read_graph(model):
    """Takes a model apart into operations and tensors.

    Use it to walk any functional or sequential Keras 3 model, nested models
    and shared layers included. It reads the model's public config and
    layers; the model is not changed.

    Args:
        model: A built functional or sequential `keras.Model`.

    Returns:
        A `Graph`. A layer that is called twice has two nodes with the same
        `op`; a nested model does not appear itself, its inner operations do.

    Raises:
        ValueError: If the model is subclassed or not built yet.

    Example:

    >>> graph = read_graph(keras.applications.MobileNetV2(weights=None))
    >>> [node.path for node in graph.nodes][:2]
    ['Conv1', 'bn_Conv1']
    """
    level = parse_model(model)
    nodes, entries = [], []

    def call(op, args, kwargs, path, made):
        refs = made.refs
        outputs = [Tensor(*made.level.shapes.get(ref, (None,))) for ref in refs]
        nodes.append(Node(op, path, args, kwargs, outputs, made.call))
        return outputs

    inputs = [Tensor(t.shape, t.dtype) for t in model.inputs]
    outputs = walk(level, inputs, call, entries=entries)
    return Graph(model, level, nodes, inputs, outputs, entries)


def tensors_in(structure):
    """The `Tensor`s of a nested structure, in order."""
    return [t for t in tree.flatten(structure) if isinstance(t, Tensor)]


@dataclass
class _Made:
    """What `walk` tells of a call: where it stands, what it returns."""

    level: ParsedModel
    call: Call
    refs: list


def walk(level, inputs, call, prefix="", enter=None, entries=None):
    """Runs any kind of values through a model, operation by operation.

    Args:
        level: A `ParsedModel`.
        inputs: List of values, one for each model input.
        call: Function (op, args, kwargs, path, made) -> list of outputs.
        prefix: Path of the models around this one, with a final "/".
        enter: Optional function like `call`, asked for nested models
            instead of going inside.
        entries: Optional list that receives (nested model, its inputs).

    Returns:
        List of values, one for each model output.
    """
    values = dict(zip(tree.flatten(level.inputs), inputs))
    produced = {}
    for ref in level.shapes:
        produced.setdefault((ref.name, ref.call), []).append(ref)

    def fill(value):
        return values[value] if isinstance(value, Ref) else value

    for one in level.calls:
        args, kwargs = tree.map_structure(fill, (one.args, one.kwargs))
        key = (one.op.name, one.index)
        known = produced.get(key, ())
        count = 1 + max((ref.index for ref in known), default=-1)
        refs = [Ref(*key, index) for index in range(count)]
        made = _Made(level, one, refs)
        path = prefix + one.op.name
        if one.level is not None and enter is None:
            # What else a model is called with are flags.
            flat = [values[ref] for ref in refs_in((one.args, one.kwargs))]
            if entries is not None:
                entries.append((one.op, flat))
            outputs = walk(one.level, flat, call, path + "/", None, entries)
        else:
            ask = call if one.level is None else enter
            outputs = ask(one.op, args, kwargs, path, made)
        values.update(zip(refs, outputs))
    return [values[ref] for ref in tree.flatten(level.outputs)]
