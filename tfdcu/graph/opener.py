"""Runs the `call` of custom layers, and replays what it does on new tensors."""

import inspect
import math

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
from tfdcu.graph.number_of_images import CannotOpen
from tfdcu.graph.number_of_images import batch_for
from tfdcu.graph.number_of_images import counts
from tfdcu.graph.number_of_images import repeated
from tfdcu.graph.number_of_images import without_batch
from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter
from tfdcu.graph.parameter import parameter_of
from tfdcu.graph.parse import is_model

# Constants with more elements are stored as weights, not in the config.
_LARGEST_CONSTANT = 64


class Opener:
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
            if repeated(made_by, batch):
                value = args[0]
                if len(value.shape) < len(made_by.outputs[0].shape):
                    value = keras.ops.expand_dims(value, 0)
                    name = self._name(f"{prefix}expand_dims")
                    producer_of(value).op.name = name
                layer = OnePerImage(name=self._name(f"{prefix}one_per_image"))
                return [layer(value, anchor)]
            config = without_batch(made_by, config, batch)
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
            if any(counts(end, batch) for end in ends):
                raise CannotOpen("it slices by the number of images")
            return value
        shape = getattr(value, "shape", None)
        if shape is None or not hasattr(value, "dtype"):
            if counts(value, batch):
                raise CannotOpen("it computes with the number of images")
            return value
        if any(counts(size, batch) for size in shape):
            rows = np.asarray(value)
            if not counts(shape[0], batch) or not (rows[:1] == rows).all():
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
        batch = batch_for(layer, given)
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


def _snake(name):
    return "".join(
        f"_{c.lower()}" if c.isupper() and i else c.lower()
        for i, c in enumerate(name)
    )
