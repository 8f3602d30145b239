"""Custom layers inside a custom layer, run through while it is traced."""

import inspect
from contextlib import contextmanager

import keras
from keras import layers
from keras import tree

from tfdcu.graph.keras_private import all_layers


@contextmanager
def inlined(layer, keep):
    """The layers inside a layer show what they compute while it is called.

    A custom layer that is called on symbolic tensors would become one
    operation, if its shapes can be told at all. Here its own `call` is run
    instead. `EinsumDense` tells all sizes that can be known.

    Args:
        layer: The custom layer; layers inside it are changed for a while.
        keep: Function of a layer: whether it is one operation.
    """
    changed = []
    for inner in all_layers(layer, itself=False):
        if type(inner) is layers.EinsumDense:
            known = _known_shape(inner)
            vars(inner)["compute_output_shape"] = known
            changed.append((inner, None))
        elif type(inner) is keras.Sequential or not keep(inner):
            changed.append((inner, type(inner)))
            # Python looks calls up in the class, not in the object.
            object.__setattr__(inner, "__class__", _inlined_class(inner))
    try:
        yield
    finally:
        for inner, kind in changed:
            if kind is None:
                vars(inner).pop("compute_output_shape", None)
            else:
                object.__setattr__(inner, "__class__", kind)


def _inlined_class(layer):
    kind = type(layer)
    if kind is keras.Sequential:
        return type(kind.__name__, (kind,), {"__call__": _call_in_order})
    return type(kind.__name__, (kind,), {"__call__": _call_inside})


def _call_in_order(self, x, **kwargs):
    for layer in self.layers:
        x = layer(x)
    return x


def _call_inside(self, *args, **kwargs):
    def cast(x):
        if not isinstance(x, keras.KerasTensor) or not self.autocast:
            return x
        floats = keras.backend.is_float_dtype(x.dtype)
        if not floats or x.dtype == self.compute_dtype:
            return x
        return keras.ops.cast(x, self.compute_dtype)

    args, kwargs = tree.map_structure(cast, (args, kwargs))
    names = inspect.signature(self.call).parameters
    if "training" in names:
        kwargs["training"] = False
    else:
        kwargs.pop("training", None)
    return self.call(*args, **kwargs)


def _known_shape(layer):
    return lambda shape: einsum_shape(layer, shape)


def einsum_shape(layer, shape):
    """The output shape of an `EinsumDense`, with the sizes of the input."""
    equation = layer.equation.replace(" ", "")
    inputs, rest = equation.split(",")
    outputs = rest.split("->")[1]
    full = layers.EinsumDense.compute_output_shape(layer, shape)
    if "..." in inputs:
        count = len(shape) - len(inputs) + 3
        dots = "0123456789"[:count]
        inputs, outputs = (x.replace("...", dots) for x in (inputs, outputs))
    sizes = dict(zip(inputs, shape))
    return tuple(
        sizes.get(letter) if size is None else size
        for letter, size in zip(outputs, full)
    )
