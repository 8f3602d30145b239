"""Flattens a model into a list of operations and tensors."""

import functools
from dataclasses import dataclass

from keras import tree

from tfdcu.graph.keras_private import is_of_keras_ops
from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter
from tfdcu.graph.parse import Call
from tfdcu.graph.parse import ParsedModel
from tfdcu.graph.parse import Ref
from tfdcu.graph.parse import parse_model
from tfdcu.graph.parse import refs_in
from tfdcu.graph.rows_per_image import rows_per_image


@dataclass(eq=False)
class Tensor:
    """A symbolic tensor of the flattened graph; compared by identity.

    Attributes:
        shape: Tuple of sizes, `None` for unknown sizes.
        dtype: Name of the element type.
        rows: Rows of the first axis that belong to one image.
        constant: Whether it is the same for all images: computed of weights
            alone.
    """

    shape: tuple
    dtype: str = "float32"
    rows: int = 1
    constant: bool = False


@dataclass(eq=False)
class Node:
    """One call of one operation; nested models are flattened.

    Attributes:
        op: The live `keras.layers.Layer` or `keras.Operation`.
        path: Names of the models around it and its own, joined by "/".
        args: Positional arguments of the call, `Tensor`s inside.
        kwargs: Keyword arguments of the call, `Tensor`s inside.
        outputs: List of the `Tensor`s that the call returns.
        call: The `Call` in its model, the same object for all calls of a
            nested model.
    """

    op: object
    path: str
    args: tuple
    kwargs: dict
    outputs: list
    call: object = None

    @functools.cached_property
    def inputs(self):
        """The `Tensor`s among the arguments, in order."""
        return tensors_in((self.args, self.kwargs))


@dataclass(eq=False)
class Graph:
    """The flattened model.

    Attributes:
        model: The model that was read.
        level: The model as a tree of `ParsedModel`s, with nesting.
        nodes: List of `Node` in topological order, without input layers.
        inputs: List of `Tensor`, in the order of `model.inputs`.
        outputs: List of `Tensor`, in the order of `model.outputs`.
        entries: List of (nested model, its input `Tensor`s), one per call.
    """

    model: object
    level: ParsedModel
    nodes: list
    inputs: list
    outputs: list
    entries: list

    def only_user(self, tensor):
        """The only `Node` that uses a tensor, or `None`; outputs have none."""
        users = [n for n in self.nodes if any(t is tensor for t in n.inputs)]
        is_output = any(t is tensor for t in self.outputs)
        return users[0] if len(users) == 1 and not is_output else None


def read_graph(model):
    """Takes a model apart into operations and tensors.

    Use it to traverse any functional or sequential Keras 3 model, including
    nested models and shared layers. It reads the model's public config and
    layers; the model is not changed.

    Args:
        model: A built functional or sequential `keras.Model`.

    Returns:
        A `Graph`. A layer that is called twice has two nodes with the same
        `op`; a nested model is replaced by its operations.

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
        given = tensors_in((args, kwargs))
        rows, constant = (
            rows_per_image(op, given, outputs),
            _is_constant(op, given),
        )
        for tensor in outputs:
            tensor.rows, tensor.constant = rows, constant
        nodes.append(Node(op, path, args, kwargs, outputs, made.call))
        return outputs

    inputs = [Tensor(t.shape, t.dtype) for t in model.inputs]
    outputs = walk(level, inputs, call, entries=entries)
    return Graph(model, level, nodes, inputs, outputs, entries)


def _is_constant(op, inputs):
    """Whether what an operation returns is the same for all images."""
    kind = type(op)
    if kind is Parameter:
        return True
    if is_of_keras_ops(kind) and kind.__name__ in ("OnesLike", "ZerosLike"):
        return True
    # A tensor repeated for each image has the images for their number alone.
    return all(t.constant for t in inputs[: 1 if kind is OnePerImage else None])


def tensors_in(structure):
    """The `Tensor`s of a nested structure, in order."""
    return [t for t in tree.flatten(structure) if isinstance(t, Tensor)]


@dataclass
class _Made:
    """Where a call of `walk` is in the model, and the `Ref`s it returns."""

    level: ParsedModel
    call: Call
    refs: list


def walk(level, inputs, call, prefix="", enter=None, entries=None):
    """Passes values of any kind through a model, operation by operation.

    Args:
        level: A `ParsedModel`.
        inputs: List of values, one for each model input.
        call: Function (op, args, kwargs, path, made) -> list of outputs.
        prefix: Path of the models around this one, with a final "/".
        enter: Optional function like `call` that handles nested models
            instead of flattening them.
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

    for node in level.calls:
        args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
        key = (node.op.name, node.index)
        outputs = produced.get(key, ())
        count = 1 + max((ref.index for ref in outputs), default=-1)
        refs = [Ref(*key, index) for index in range(count)]
        made = _Made(level, node, refs)
        path = prefix + node.op.name
        if node.level is not None and enter is None:
            # Other arguments of a model are flags such as `training`.
            flat = [values[ref] for ref in refs_in((node.args, node.kwargs))]
            if entries is not None:
                entries.append((node.op, flat))
            outputs = walk(node.level, flat, call, path + "/", None, entries)
        else:
            function = call if node.level is None else enter
            outputs = function(node.op, args, kwargs, path, made)
        values.update(zip(refs, outputs))
    return [values[ref] for ref in tree.flatten(level.outputs)]
