"""A functional model as plain data: its operations, tensors and logits."""

from dataclasses import dataclass
from dataclasses import field

import keras
import numpy as np
from keras import tree


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


@dataclass(frozen=True)
class Ref:
    """Where an argument comes from: output `index` of call `call`."""

    name: str
    call: int
    index: int


@dataclass(eq=False)
class Call:
    """One call of one operation inside one level of the model."""

    op: object
    args: tuple
    kwargs: dict
    index: int
    level: object = None


@dataclass(eq=False)
class Level:
    """A functional or sequential model, its calls in topological order.

    Attributes:
        model: The live model of this level.
        calls: List of `Call`; those of nested models hold their `level`.
        inputs: Structure of `Ref`s of the model's inputs.
        input_layers: List of the live input layers, in the same order.
        outputs: Structure of `Ref`s of the model's outputs.
        shapes: Dict from `Ref` to (shape, dtype), where known.
    """

    model: object
    calls: list = field(default_factory=list)
    inputs: object = None
    input_layers: list = field(default_factory=list)
    outputs: object = None
    shapes: dict = field(default_factory=dict)


@dataclass(eq=False)
class Graph:
    """The flattened model.

    Attributes:
        model: The model that was read.
        level: The same as a tree of `Level`s, nesting kept.
        nodes: List of `Node` in topological order, without input layers.
        inputs: List of `Tensor`, in the order of `model.inputs`.
        outputs: List of `Tensor`, in the order of `model.outputs`.
        entries: List of (nested model, its input `Tensor`s), one a call.
    """

    model: object
    level: Level
    nodes: list
    inputs: list
    outputs: list
    entries: list

    def edges(self):
        """Pairs of paths (producer, consumer), in topological order."""
        makers = {id(t): node.path for node in self.nodes for t in node.outputs}
        return [
            (makers[id(t)], node.path)
            for node in self.nodes
            for t in node.inputs
            if id(t) in makers
        ]


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
    level = read_level(model)
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


def is_model(op):
    """Whether the operation is a model that can be taken apart.

    A functional model whose class has a `call` of its own is not: what it
    computes is in that code, not in its graph.
    """
    known = isinstance(op, keras.Model) and hasattr(op, "operations")
    known = known or (isinstance(op, keras.Sequential) and op.built)
    return known and type(op).call.__module__.startswith("keras.")


def read_level(model):
    """Reads one model's config into a `Level`, nested ones below it."""
    if not isinstance(model, keras.Model) or not is_model(model):
        raise ValueError(
            "The model cannot be taken apart into layers. "
            "Expected a built functional or sequential `keras.Model`: a "
            "subclassed one hides its layers inside Python code, and a "
            "`Sequential` without an `Input` is not built yet. "
            f"Received: {model!r} of type {type(model).__name__}."
        )
    # A plain functional model over the same tensors: subclasses and
    # `Sequential` write configs of another form, or none.
    plain = keras.Model(_structure(model, "input"), _structure(model, "output"))
    try:
        config = plain.get_config()
    except NotImplementedError as error:
        raise ValueError(
            "The model cannot be taken apart: a layer cannot be written down. "
            "Expected a `get_config` for every custom layer. "
            f"Received: model {model.name!r}: {error}"
        ) from error
    ops = {op.name: op for op in plain.operations}
    level = Level(model)
    pending = {}
    for layer in config["layers"]:
        op = ops[layer["name"]]
        inner = read_level(op) if is_model(op) else None
        for index, call in enumerate(layer["inbound_nodes"]):
            args = _read(call["args"], level)
            kwargs = _read(call["kwargs"], level)
            pending[op.name, index] = Call(op, args, kwargs, index, inner)
    level.calls = _in_order(pending)
    level.inputs = _layer_refs(config["input_layers"], ops)
    level.outputs = _layer_refs(config["output_layers"], ops)
    level.input_layers = [ops[r.name] for r in tree.flatten(level.inputs)]
    refs = tree.flatten(level.outputs) + tree.flatten(level.inputs)
    tensors = list(plain.outputs) + list(plain.inputs)
    for ref, tensor in zip(refs, tensors):
        level.shapes[ref] = (tuple(tensor.shape), tensor.dtype)
    return level


def _structure(model, side):
    """The model's inputs or outputs as its user passes or receives them."""
    if isinstance(model, keras.Sequential):
        return getattr(model, f"{side}s")[0]
    return getattr(model, side)


def _read(value, level):
    """Turns a serialized argument into live values and `Ref`s."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            config = value["config"]
            ref = Ref(*config["keras_history"])
            level.shapes[ref] = (tuple(config["shape"]), config["dtype"])
            return ref
        if "class_name" in value and "config" in value:
            if value["class_name"] == "__tuple__":
                return tuple(_read(value["config"]["value"], level))
            return keras.saving.deserialize_keras_object(value)
        return {key: _read(item, level) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_read(item, level) for item in value)
    return value


def _layer_refs(value, ops):
    """`Ref`s of a config's `input_layers` or `output_layers`."""
    if isinstance(value, (list, tuple)):
        if len(value) == 3 and isinstance(value[0], str):
            name, call, index = value
            # Keras counts calls of nested functional models from one here.
            functional = hasattr(ops[name], "operations")
            return Ref(name, call - functional, index)
        return type(value)(_layer_refs(item, ops) for item in value)
    if isinstance(value, dict):
        return {key: _layer_refs(item, ops) for key, item in value.items()}
    return value


def refs_in(structure):
    """The `Ref`s of a nested structure, in order."""
    return [r for r in tree.flatten(structure) if isinstance(r, Ref)]


def _in_order(pending):
    """Calls sorted so that each comes after those it reads from."""
    ordered, done = [], set()
    for key in pending:
        stack = [key]
        while stack:
            top = stack[-1]
            call = pending[top]
            missing = [
                (ref.name, ref.call)
                for ref in refs_in((call.args, call.kwargs))
                if (ref.name, ref.call) in pending
                and (ref.name, ref.call) not in done
            ]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if top not in done:
                done.add(top)
                ordered.append(call)
    return ordered


@dataclass
class _Made:
    """What `walk` tells of a call: where it stands, what it returns."""

    level: Level
    call: Call
    refs: list


def walk(level, inputs, call, prefix="", enter=None, entries=None):
    """Runs any kind of values through a model, operation by operation.

    Args:
        level: A `Level`.
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
            flat = tree.flatten((args, kwargs))
            flat = [value for value in flat if value is not None]
            if entries is not None:
                entries.append((one.op, flat))
            outputs = walk(one.level, flat, call, path + "/", None, entries)
        else:
            ask = call if one.level is None else enter
            outputs = ask(one.op, args, kwargs, path, made)
        values.update(zip(refs, outputs))
    return [values[ref] for ref in tree.flatten(level.outputs)]


_ENDS = ("softmax", "sigmoid")


def as_logits(model):
    """Returns the classifier with logits, the scores before softmax, as output.

    Use it before pruning and transfer, which speak of logits. A `softmax` or
    `sigmoid` at the end is taken off without retraining, whether it is a
    layer, an operation or the activation of the last layer, and also at the
    end of a nested last model. Where probabilities come out of something
    that cannot be taken off, such as an average of two classifiers, the
    output is log(max(p, 1e-7)), which is a valid logit: softmax of it is p.
    The result shares all other layers, and so the weights, with the
    argument, which is not changed.

    Args:
        model: A functional or sequential `keras.Model` with one input and one
            output of shape (batch, classes).

    Returns:
        A functional `keras.Model`; the argument itself if it gives logits.

    Raises:
        ValueError: If the model is subclassed, not built, has several
            inputs or outputs, or its output is not of shape (batch, classes).

    Example:

    >>> teacher = as_logits(keras.applications.MobileNetV2())
    """
    read_level(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "The model cannot be used as a classifier. "
            "Expected one input (images) and one output (class scores). "
            f"Received: {len(model.inputs)} inputs and {len(model.outputs)} "
            f"outputs in model {model.name!r}."
        )
    if len(model.outputs[0].shape) != 2:
        raise ValueError(
            "The model cannot be used as a classifier. "
            "Expected an output of shape (batch, classes). "
            f"Received: shape {tuple(model.outputs[0].shape)} "
            f"in model {model.name!r}."
        )
    logits = _before_end(model)
    if logits is model.outputs[0]:
        if not _gives_probabilities(model):
            return model
        logits = _log_of(logits)
    return keras.Model(model.inputs[0], logits, name=model.name)


def _log_of(probabilities):
    """Their logarithm by operations that are called alike each time."""
    logits = probabilities
    for name, function in (
        ("at_least", lambda x: keras.ops.maximum(x, 1e-7)),
        ("logits", keras.ops.log),
    ):
        logits = function(logits)
        # Keras counts its operations through, which would make another model.
        logits._keras_history.operation.name = f"tfdcu_{name}"
    return logits


def _before_end(model):
    """The model's output tensor as it is before softmax or sigmoid."""
    output = model.outputs[0]
    history = output._keras_history
    op, node = history.operation, history.operation._inbound_nodes
    arguments = node[history.node_index].arguments
    if is_model(op):
        inner = _before_end(op) if len(op.outputs) == 1 else None
        if inner is None or inner is op.outputs[0]:
            return output
        short = keras.Model(_structure(op, "input"), inner, name=op.name)
        return short(*arguments.args, **arguments.kwargs)
    name = type(op).__name__.lower()
    activation = getattr(op, "activation", None)
    activation = getattr(activation, "__name__", "")
    if name in _ENDS or (name == "activation" and activation in _ENDS):
        return arguments.args[0]
    if activation in _ENDS and isinstance(op, keras.layers.Layer):
        config = op.get_config()
        config["activation"] = "linear"
        config.pop("build_config", None)
        layer = type(op).from_config(config)
        output = layer(*arguments.args, **arguments.kwargs)
        layer.set_weights(op.get_weights())
        return output
    return output


def _gives_probabilities(model):
    """Whether outputs on random images are all positive and sum to one."""
    op = model.outputs[0]._keras_history.operation
    if isinstance(op, keras.layers.Dense):
        return False
    shape = [4] + [size or 64 for size in model.inputs[0].shape[1:]]
    images = np.random.default_rng(0).random(shape, dtype="float32")
    scores = np.asarray(model(images, training=False), "float64")
    return bool(
        scores.min() >= 0 and np.allclose(scores.sum(-1), 1, rtol=0, atol=1e-2)
    )
