"""Parses a model's config into calls in topological order."""

from dataclasses import dataclass
from dataclasses import field

import keras
from keras import tree


@dataclass(frozen=True)
class Ref:
    """Source of an argument: output `index` of call `call` of layer `name`."""

    name: str
    call: int
    index: int


@dataclass(eq=False)
class Call:
    """One call of one operation in a model; `level` if that is a model."""

    op: object
    args: tuple
    kwargs: dict
    index: int
    level: object = None


@dataclass(eq=False)
class ParsedModel:
    """A functional or sequential model, its calls in topological order.

    Attributes:
        model: The model.
        calls: List of `Call`; those of nested models have a `level`.
        inputs: Structure of `Ref`s of the model's inputs.
        input_layers: List of the input layers, in the same order.
        outputs: Structure of `Ref`s of the model's outputs.
        shapes: Dict from `Ref` to (shape, dtype), if known.
    """

    model: object
    calls: list = field(default_factory=list)
    inputs: object = None
    input_layers: list = field(default_factory=list)
    outputs: object = None
    shapes: dict = field(default_factory=dict)


def is_model(op):
    """Whether the operation is a model that can be taken apart.

    A functional model whose class overrides `call` is not: its graph does not
    show what it computes.
    """
    functional = isinstance(op, keras.Model) and hasattr(op, "operations")
    functional = functional or (isinstance(op, keras.Sequential) and op.built)
    return functional and type(op).call.__module__.startswith("keras.")


def parse_model(model):
    """Parses a model's config into a `ParsedModel`, nested models included."""
    if not isinstance(model, keras.Model) or not is_model(model):
        raise ValueError(
            "The model cannot be taken apart into layers. "
            "Expected: a built functional or sequential `keras.Model`; a "
            "subclassed model hides its layers in Python code, and a "
            "`Sequential` model without an `Input` is not built yet. "
            f"Received: {model!r} of type {type(model).__name__}."
        )
    # A plain functional model over the same tensors: configs of subclasses and
    # `Sequential` have another form, or are missing.
    plain = keras.Model(structure(model, "input"), structure(model, "output"))
    try:
        config = plain.get_config()
    except Exception as error:
        # Code of custom layers runs here, and what their calls were given is
        # written as text.
        named = list(_without_config(plain)) or [str(error)]
        raise ValueError(
            "The model cannot be taken apart: a layer cannot be serialized. "
            "Expected: a `get_config` method on every custom layer and "
            "subclassed model, which returns all arguments of its `__init__`. "
            f"Received: model {model.name!r} with {', '.join(named)}"
        ) from error
    ops = {op.name: op for op in plain.operations}
    level = ParsedModel(model)
    pending = {}
    for layer in config["layers"]:
        op = ops[layer["name"]]
        inner = parse_model(op) if is_model(op) else None
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


def _without_config(model):
    """Class and name of each layer whose config cannot be had, and why."""
    for op in model.operations:
        layer = f"the {type(op).__name__} layer {op.name!r}"
        try:
            op.get_config()
        except NotImplementedError:
            yield layer
        except Exception as error:
            yield f"{layer} ({type(error).__name__}: {error})"


def structure(model, side):
    """The model's "input" or "output" in the structure its user sees."""
    if isinstance(model, keras.Sequential):
        return getattr(model, f"{side}s")[0]
    return getattr(model, side)


def _read(value, level):
    """Deserializes an argument into values and `Ref`s."""
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
            # Here Keras counts calls of nested functional models from 1.
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
