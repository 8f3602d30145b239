"""Opens custom layers and subclassed models: an equal model of plain layers.

The `call` of a custom layer is run on symbolic tensors, through the layers
inside it and `keras.ops`. What it records takes the layer's place.
"""

import inspect
import math
from dataclasses import dataclass
from dataclasses import field

import keras
import numpy as np
from keras import tree

from tfdcu.graph.inlined import einsum_shape
from tfdcu.graph.inlined import inlined
from tfdcu.graph.keras_private import alias_of
from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.keras_private import attributes_that_hold
from tfdcu.graph.keras_private import calls_forgotten
from tfdcu.graph.keras_private import layers_within
from tfdcu.graph.keras_private import mask_of
from tfdcu.graph.keras_private import num_calls
from tfdcu.graph.keras_private import producer_of
from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter
from tfdcu.graph.parameter import parameter_of
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure

# Stands for the number of images while a `call` is run; sizes that it divides
# are recognized as that number. The first that divides no size is taken.
_BATCHES = (61, 67, 71, 73, 79, 97)
# Constants with more elements are stored as weights, not in the config.
_LARGEST_CONSTANT = 64


class CannotOpen(ValueError):
    """The reason that a layer stays closed."""


@dataclass
class Opened:
    """A model whose custom layers are opened.

    Attributes:
        model: A functional `keras.Model` that shares all weights with the
            original; the original itself if there is nothing to open.
        closed: Dict from the name of a layer that stays closed to the reason.
    """

    model: object
    closed: dict = field(default_factory=dict)


def is_plain(layer):
    """Whether a layer is one of Keras' own that shows what it computes."""
    kind = type(layer)
    if kind is keras.layers.Lambda:
        return False
    return kind.__module__.startswith("keras.") or kind in (
        Parameter,
        OnePerImage,
    )


def open_model(model, keep=is_plain, flat=False):
    """Opens the custom layers and subclassed models in a model.

    Use it to see inside before pruning or counting. Python control flow runs
    as at inference. The argument is not changed; training the result trains
    it, too.

    Args:
        model: A built `keras.Model` of any kind.
        keep: Function of a layer: whether it stays as it is. Defaults to
            Keras' own layers.
        flat: Whether nested models are taken apart although nothing in them
            is custom. Default `False`.

    Returns:
        An `Opened`. Layers inside a layer or model "block" are named
        "block_conv" and so on.

    Raises:
        ValueError: If a subclassed model is not built, or its own `call`
            cannot be traced.

    Example:

    >>> opened = open_model(MyModel())
    >>> print(opened.model.summary(), opened.closed)
    """
    layers = all_layers(model)
    nested = any(is_model(layer) for layer in layers[1:])
    custom = any(not keep(x) and not is_model(x) for x in layers)
    if is_model(model) and not custom and not (flat and nested):
        return Opened(model)
    opener = _Opener(keep)
    taken = _taken(model)
    named = zip(tree.flatten(taken), _names_of(model, taken))
    names = {id(tensor): name for tensor, name in named}
    inputs = tree.map_structure(
        lambda x: keras.Input(
            batch_shape=x.shape, dtype=x.dtype, name=names[id(x)]
        ),
        taken,
    )
    if is_model(model):
        known = zip(tree.flatten(taken), tree.flatten(inputs))
        given = structure(model, "output")
        known = {id(old): new for old, new in known}
        values = opener.replay(tree.flatten(given), known, "")
        outputs = tree.pack_sequence_as(given, values)
    else:
        try:
            outputs = opener.open(model, (inputs,), {}, "")
        except CannotOpen as error:
            raise ValueError(
                "The model cannot be taken apart into layers. Expected: a "
                "functional or sequential `keras.Model`, or a subclassed one "
                "whose `call` uses layers and `keras.ops` only. "
                f"Received: {model.name!r} of type {type(model).__name__}: "
                f"{error}"
            ) from error
    if is_model(model) and not opener.opened and not flat:
        return Opened(model, opener.closed)
    opened = keras.Model(inputs, outputs, name=model.name)
    if not model.trainable:
        opened.trainable = False
    if getattr(model, "compiled", False):
        opener.compile_like(opened, model)
    return Opened(opened, opener.closed)


class _Opener:
    """Replays the calls of one model on new symbolic tensors."""

    def __init__(self, keep):
        self.keep = keep
        self.closed = {}
        self.opened = 0
        self.paths = {}
        self.aliases = {}
        self.names = set()
        # Keeps alive what identities were taken of.
        self.alive = []

    def replay(self, outputs, known, prefix, batch=None):
        """New tensors for these ones, given those of the inputs.

        Args:
            outputs: List of `KerasTensor`s.
            known: Dict from the identity of a `KerasTensor` to its new one.
            prefix: Beginning of the names of layers.
            batch: The number of images in the old tensors, if it is fixed.

        Returns:
            List of `KerasTensor`s.
        """
        made, stack = {}, list(outputs)[::-1]
        anchor = next(iter(known.values()))
        while stack:
            tensor = stack[-1]
            if id(tensor) in known:
                stack.pop()
                continue
            made_by = _producer(tensor)
            missing = [
                item
                for item in tree.flatten((made_by.args, made_by.kwargs))
                if isinstance(item, keras.KerasTensor) and id(item) not in known
            ]
            if missing:
                stack += missing[::-1]
                continue
            key = id(made_by.op), made_by.call
            if key not in made:
                made[key] = self._replay_call(
                    made_by, known, prefix, batch, anchor
                )
                self.alive.append(made_by)
            known[id(tensor)] = made[key][made_by.index]
        return [known[id(tensor)] for tensor in outputs]

    def _replay_call(self, made_by, known, prefix, batch, anchor):
        op = made_by.op

        def fill(item):
            if isinstance(item, keras.KerasTensor):
                return known[id(item)]
            return self._constant(item, prefix, batch, anchor)

        args, kwargs = tree.map_structure(fill, (made_by.args, made_by.kwargs))
        if is_model(op):
            return self._flatten(op, args, kwargs, prefix)
        if isinstance(op, keras.layers.Layer):
            return self._layer(op, args, kwargs, prefix)
        return self._operation(made_by, args, kwargs, prefix, batch, anchor)

    def _flatten(self, model, args, kwargs, prefix):
        given = tree.flatten((args, kwargs))
        given = [x for x in given if isinstance(x, keras.KerasTensor)]
        known = {
            id(old): _cast(new, old.dtype)
            for old, new in zip(model.inputs, given, strict=True)
        }
        return self.replay(model.outputs, known, f"{prefix}{model.name}_")

    def _layer(self, op, args, kwargs, prefix):
        if prefix and type(op) is keras.layers.Identity:
            # With a `dtype` policy Keras cannot tell its config.
            return tree.flatten(args)
        if not self.keep(op):
            try:
                outputs = self.open(op, args, kwargs, f"{prefix}{op.name}_")
                return [x for x in tree.flatten(outputs) if x is not None]
            except CannotOpen as error:
                reason = str(error)
            alias = self._alias(op, prefix)
            self.closed[alias.name] = self.closed[op.name] = reason
        alias = self._alias(op, prefix)
        if type(op) is keras.layers.EinsumDense:
            # It would forget the sizes that it does not change.
            shape = einsum_shape(op, args[0].shape)
            shape = shape[-len(op.partial_output_shape) :]
            first = num_calls(alias) == 0
            if not first and shape != alias.partial_output_shape:
                shape = op.partial_output_shape
            vars(alias)["partial_output_shape"] = shape
        return tree.flatten(alias(*args, **kwargs))

    def _alias(self, op, prefix):
        if id(op) not in self.aliases:
            path = self.paths.get(id(op), f"{prefix}{op.name}")
            alias = alias_of(op, self._name(path))
            self.aliases[id(op)] = alias
            self.alive.append(op)
        return self.aliases[id(op)]

    def _name(self, wanted):
        name, number = wanted, 1
        while name in self.names:
            name, number = f"{wanted}_{number}", number + 1
        self.names.add(name)
        return name

    def _operation(self, made_by, args, kwargs, prefix, batch, anchor):
        op = made_by.op
        kind = type(op).__name__
        if kind == "ConvertToTensor" and made_by.outputs[0].dtype == (
            made_by.args[0].dtype
        ):
            return [args[0]]
        config = op.get_config()
        if batch:
            if _repeated(made_by, batch):
                value = args[0]
                if len(value.shape) < len(made_by.outputs[0].shape):
                    value = keras.ops.expand_dims(value, 0)
                    name = self._name(f"{prefix}expand_dims")
                    producer_of(value).op.name = name
                layer = OnePerImage(name=self._name(f"{prefix}one_per_image"))
                return [layer(value, anchor)]
            config = _without_batch(made_by, config, batch)
        # Keras would number the operations of a call anew each time.
        own = f"{prefix}{_snake(kind) if batch else op.name}"
        new = type(op).from_config({**config, "name": self._name(own)})
        return tree.flatten(new(*args, **kwargs))

    def _constant(self, value, prefix, batch, anchor):
        """A constant argument; weights and large ones become `Parameter`s."""
        if isinstance(value, keras.Variable):
            return self._parameter(value, prefix, None, anchor)
        if isinstance(value, slice):
            ends = value.start, value.stop, value.step
            if any(_counts(end, batch) for end in ends):
                raise CannotOpen("it slices by the number of images")
            return value
        shape = getattr(value, "shape", None)
        if shape is None or not hasattr(value, "dtype"):
            if _counts(value, batch):
                raise CannotOpen("it computes with the number of images")
            return value
        if any(_counts(size, batch) for size in shape):
            rows = np.asarray(value)
            if not _counts(shape[0], batch) or not (rows[:1] == rows).all():
                raise CannotOpen("it makes a table by the number of images")
            layer = OnePerImage(name=self._name(f"{prefix}one_per_image"))
            return layer(self._stored(rows[:1], prefix, anchor), anchor)
        if math.prod(shape) > _LARGEST_CONSTANT:
            return self._stored(value, prefix, anchor)
        return value

    def _stored(self, value, prefix, anchor):
        """A constant as a `Parameter` that is not trained."""
        value = np.asarray(value)
        name = self._name(f"{prefix}constant")
        layer = Parameter(
            value.shape, str(value.dtype), name=name, trainable=False
        )
        outputs = layer(anchor)
        layer.parameter.assign(value)
        return outputs

    def _parameter(self, variable, prefix, policy, anchor):
        if id(variable) not in self.aliases:
            name = self._name(f"{prefix}{variable.name}")
            self.aliases[id(variable)] = parameter_of(
                variable, name, policy, variable.trainable
            )
            self.alive.append(variable)
        return self.aliases[id(variable)](anchor)

    def open(self, layer, args, kwargs, prefix):
        """As `open_through`, or with custom layers inside it left as they are.

        One of those that cannot be traced then stays closed, and no more.
        """
        custom = any(not self.keep(x) for x in all_layers(layer, itself=False))
        try:
            return self.open_through(layer, args, kwargs, prefix, custom)
        except CannotOpen:
            if not custom:
                raise
            return self.open_through(layer, args, kwargs, prefix, False)

    def _traced(self, layer, args, kwargs, weight, through):
        """What the `call` of a layer returns, with its weights symbolic."""
        inner = all_layers(layer) if through else [layer]
        inner = [x for x in inner if x is layer or not self.keep(x)]
        own = [(x, attributes_that_hold(x, keras.Variable)) for x in inner]
        keep = self.keep if through else lambda x: True
        try:
            for x, held in own:
                for name, value in held.items():
                    vars(x)[name] = tree.map_structure(
                        lambda item, x=x: weight(x, item), value
                    )
            with inlined(layer, keep):
                return layer.call(*args, **kwargs)
        finally:
            for x, held in own:
                vars(x).update(held)

    def open_through(self, layer, args, kwargs, prefix, through):
        """Runs the `call` of a layer on symbolic tensors, and replays it.

        Args:
            layer: The custom layer or subclassed model.
            args, kwargs: Arguments of the call, new `KerasTensor`s inside.
            prefix: Beginning of the names of the layers inside.
            through: Whether custom layers inside it are run through.

        Returns:
            What the layer returns, new `KerasTensor`s inside.

        Raises:
            CannotOpen: If its `call` cannot be traced.
        """
        if getattr(layer, "quantization_mode", None):
            raise CannotOpen("it is quantized")
        if getattr(layer, "lora_enabled", False):
            raise CannotOpen("it has LoRA weights")
        given = [
            x
            for x in tree.flatten((args, kwargs))
            if isinstance(x, keras.KerasTensor)
        ]
        batch = _batch_for(layer, given)
        known, variables = {}, {}

        def stand_in(tensor):
            if not isinstance(tensor, keras.KerasTensor):
                return tensor
            value = _cast(tensor, _dtype_within(layer, tensor.dtype))
            shape = [
                batch if size is None and axis == 0 else size
                for axis, size in enumerate(value.shape)
            ]
            new = keras.KerasTensor(shape, value.dtype)
            known[id(new)] = value
            self.alive.append(new)
            return new

        def weight(owner, variable):
            if not isinstance(variable, keras.Variable):
                return variable
            dtype = _dtype_within(owner, variable.dtype)
            new = keras.KerasTensor(variable.shape, dtype)
            variables[id(new)] = new, variable, owner.dtype_policy
            return new

        closed, names = dict(self.closed), set(self.names)
        symbolic = tree.map_structure(stand_in, (args, kwargs))
        call_args, call_kwargs = symbolic
        call_kwargs = {**call_kwargs, **_masks(layer, args, kwargs)}
        if "training" in inspect.signature(layer.call).parameters:
            call_kwargs["training"] = False
        try:
            with calls_forgotten(layer):
                outputs = self._traced(
                    layer, call_args, call_kwargs, weight, through
                )
                for new, variable, policy in variables.values():
                    known[id(new)] = self._parameter(
                        variable, prefix, policy, given[0]
                    )
                self.paths.update(_paths(layer, prefix))
                # What a layer does not compute it may return as `None`.
                flat = [x for x in tree.flatten(outputs) if x is not None]
                for x in flat:
                    if keras.ops.is_tensor(x):
                        known[id(x)] = self._stored(x, prefix, given[0])
                    elif not isinstance(x, keras.KerasTensor):
                        raise CannotOpen("it returns what is not a tensor")
                values = self.replay(flat, known, prefix, batch)
        except Exception as error:
            self.closed, self.names = closed, names
            raise _reason(layer, error) from error
        self.opened += 1
        new = iter(values)
        return tree.map_structure(
            lambda x: None if x is None else next(new), outputs
        )

    def compile_like(self, opened, model):
        """Compiles with the original's training config, if it can be read."""
        try:
            opened.compile_from_config(model.get_compile_config())
        except Exception:
            # The rebuilt model is compiled in the same way, with a warning.
            return


def _reason(layer, error):
    if isinstance(error, CannotOpen):
        return error
    text = str(error)
    if text.startswith("Exception encountered"):
        # What Keras says around the message itself.
        text = text.split("\x1b[1m")[-1].split("\x1b[0m")[0]
    text = text.strip().split("\n")[0].split(". ")[0][:160]
    return CannotOpen(
        f"its `call` cannot be traced ({type(error).__name__}: {text})"
    )


def _paths(layer, prefix):
    """Names for the layers inside a layer, by identity."""
    found = {}
    for inner in layers_within(layer):
        found[id(inner)] = f"{prefix}{inner.name}"
        found.update(_paths(inner, f"{prefix}{inner.name}_"))
    return found


def _producer(tensor):
    try:
        return producer_of(tensor)
    except AttributeError as error:
        raise CannotOpen(
            "it uses a tensor that does not come from its inputs"
        ) from error


def _taken(model):
    """What a model takes: a structure of `KerasTensor`s."""
    if getattr(model, "inputs", None):
        return structure(model, "input")
    config = model.get_build_config() or {}
    shapes = config.get("input_shape")
    if shapes is None and len(config.get("shapes_dict", ())) == 1:
        (shapes,) = config["shapes_dict"].values()
    if shapes is None or not model.built:
        raise ValueError(
            "The model cannot be taken apart into layers. Expected: a "
            "`keras.Model` that was called on data once, so that the shape of "
            "its single argument is known. "
            f"Received: {model.name!r} of type {type(model).__name__}."
        )

    def tensor(shape):
        return keras.KerasTensor((None, *shape[1:]), model.compute_dtype)

    if isinstance(shapes, dict):
        return {
            key.removesuffix("_shape"): tensor(s) for key, s in shapes.items()
        }
    if shapes and isinstance(shapes[0], (list, tuple)):
        return [tensor(shape) for shape in shapes]
    return tensor(shapes)


def _names_of(model, taken):
    """Names of the inputs: the original's, or those of a dict, or "input"."""
    if getattr(model, "inputs", None):
        return [producer_of(tensor).op.name for tensor in tree.flatten(taken)]
    if isinstance(taken, dict):
        return sorted(taken)
    count = len(tree.flatten(taken))
    return ["input"] if count == 1 else [f"input_{i}" for i in range(count)]


def _cast(tensor, dtype):
    return tensor if tensor.dtype == dtype else keras.ops.cast(tensor, dtype)


def _dtype_within(layer, dtype):
    """The element type that a tensor or weight has inside a layer."""
    floats = keras.backend.is_float_dtype(dtype)
    return layer.compute_dtype if floats and layer.autocast else dtype


def _masks(layer, args, kwargs):
    """The mask that Keras would pass to a layer, as a keyword."""
    names = inspect.signature(layer.call).parameters
    given = [x for x in tree.flatten(args) if x is not None]
    masks = [mask_of(x) for x in given if isinstance(x, keras.KerasTensor)]
    if any(mask is not None for mask in masks):
        if layer.supports_masking or "mask" in names:
            raise CannotOpen("it receives a mask")
    return {}


def _batch_for(layer, given):
    """A number of images that cannot be confused with another size."""
    sizes = [size for w in layer.weights for size in w.shape]
    sizes += [size for tensor in given for size in tensor.shape[1:] if size]
    for batch in _BATCHES:
        if not any(size % batch == 0 for size in sizes if size):
            return batch
    raise CannotOpen("its sizes are unusual")


def _counts(value, batch):
    """Whether a value is a number of images, or a multiple of it."""
    if not batch or isinstance(value, (bool, np.bool_)):
        return False
    whole = isinstance(value, (int, np.integer))
    return whole and value > 0 and value % batch == 0


def _repeated(made_by, batch):
    """Whether a call repeats a tensor (1, ...) once for each image."""
    kind = type(made_by.op).__name__
    if kind not in ("BroadcastTo", "Tile", "Repeat"):
        return False
    (tensor, *_), outputs = made_by.args, made_by.outputs
    before, after = tuple(tensor.shape), tuple(outputs[0].shape)
    if after == (batch, *before):
        return True
    return before[:1] == (1,) and after == (batch, *before[1:])


def _without_batch(made_by, config, batch):
    """The config of an operation for any number of images."""
    kind = type(made_by.op).__name__
    found = any(_counts(x, batch) for x in tree.flatten(config))
    if kind == "Reshape":
        shape = list(made_by.outputs[0].shape)
        if found or None in tree.flatten(config["newshape"]):
            counts = [_counts(size, batch) for size in shape]
            unknown = [size is None for size in shape]
            if sum(counts) + sum(unknown) > 1:
                raise CannotOpen("it reshapes several axes of unknown size")
            free = [a or b for a, b in zip(counts, unknown)]
            config["newshape"] = [
                -1 if unsure else size for unsure, size in zip(free, shape)
            ]
        return config
    if found:
        raise CannotOpen(f"{kind} uses the number of images")
    return config


def _snake(name):
    return "".join(
        f"_{c.lower()}" if c.isupper() and i else c.lower()
        for i, c in enumerate(name)
    )
