"""Builds the smaller model: edited layer configs and sliced weights."""

import warnings
from contextlib import contextmanager

import keras
import numpy as np
from keras import tree

from tfdcu.graph.clone import clone_layer
from tfdcu.graph.clone import copy_state
from tfdcu.graph.graph import walk
from tfdcu.graph.keras_private import producer_of
from tfdcu.graph.parse import is_model


def rebuild(groups, kept):
    """Builds a model that has only the kept channels.

    Names, nesting, shared layers, dtype policies, regularizers, trainable
    flags and the training config of a compiled model are those of the
    original, which is not changed. The optimizer state is not copied.

    Args:
        groups: The `Groups` of the model.
        kept: bool array, one entry per unit: whether it is kept.

    Returns:
        A new `keras.Model` (`keras.Sequential` for a sequential one).
    """
    return _Builder(groups, kept).build()


class _Builder:
    def __init__(self, groups, kept):
        self.trace = groups.trace
        self.labels_kept = kept[groups.unit]
        self.made = {}
        self.axes = {}
        for (variable, axis), side in self.trace.sides.items():
            self.axes.setdefault(variable, []).append((axis, side.labels))
        self.edits = {}
        for (op, _), (_, _, change) in self.trace.edits.items():
            self.edits.setdefault(op, []).append(change)
        self.call_edits = {}
        for (call, _), (_, _, change) in self.trace.call_edits.items():
            self.call_edits.setdefault(call, []).append(change)

    def keep(self, labels):
        return np.flatnonzero(self.labels_kept[labels])

    def count(self, labels):
        return int(self.labels_kept[labels].sum())

    def build(self):
        model = self.trace.graph.model
        smaller = self._model(self.trace.graph.level)
        for old, new in self.made.values():
            if isinstance(old, keras.layers.Layer) and not is_model(old):
                self._fill(old, new)
                copy_state(old, new)
        if getattr(model, "compiled", False):
            compile_like(smaller, model)
        return smaller

    def _model(self, level, received=None):
        model = level.model
        if id(model) in self.made:
            return self.made[id(model)][1]
        received = received or [None] * len(level.input_layers)
        inputs = [_input(*pair) for pair in zip(level.input_layers, received)]
        outputs = walk(level, inputs, self._call, enter=self._enter)
        if isinstance(model, keras.Sequential):
            layers = [self.made[id(layer)][1] for layer in model.layers]
            smaller = keras.Sequential(
                [producer_of(inputs[0]).op, *layers], name=model.name
            )
        else:
            smaller = _functional_class(model)(
                tree.pack_sequence_as(level.inputs, inputs),
                tree.pack_sequence_as(level.outputs, outputs),
                name=model.name,
            )
        if not model.trainable:
            # Setting it sets it on all inner layers, too.
            smaller.trainable = False
        self.made[id(model)] = model, smaller
        return smaller

    def _enter(self, op, args, kwargs, path, made):
        received = tree.flatten((args, kwargs))
        received = [x for x in received if isinstance(x, keras.KerasTensor)]
        smaller = self._model(made.call.level, received)
        return tree.flatten(smaller(*args, **kwargs))

    def _call(self, op, args, kwargs, path, made):
        for change in self.call_edits.get(id(made.call), ()):
            args, kwargs = change(args, kwargs, self.keep)
        smaller = self._smaller(op)
        if getattr(smaller, "built", True):
            return tree.flatten(smaller(*args, **kwargs))
        with _quick_build(smaller):
            return tree.flatten(smaller(*args, **kwargs))

    def _smaller(self, op):
        if id(op) not in self.made:
            config = _unbuilt(op.get_config())
            for change in self.edits.get(id(op), ()):
                change(config, self.count)
            self.made[id(op)] = op, clone_layer(op, config, self._smaller)
        return self.made[id(op)][1]

    def _fill(self, old, new):
        if len(old.variables) != len(new.variables):
            raise ValueError(
                f"The weights of layer {old.name!r} cannot be copied: a layer "
                "from its config has a different number of variables. "
                f"Expected: {len(old.variables)} variables. "
                f"Received: {len(new.variables)}."
            )
        for pair in zip(old.variables, new.variables):
            self._copy(*pair)

    def _copy(self, old, new):
        value = old.numpy() if hasattr(old, "numpy") else np.asarray(old)
        for axis, labels in self.axes.get(id(old), ()):
            value = np.take(value, self.keep(labels), axis)
        if id(old) in self.trace.factors:
            _, labels, factor = self.trace.factors[id(old)]
            after = self.count(labels[0])
            value = value * factor(len(labels[0]), after)
        if tuple(value.shape) != tuple(new.shape):
            raise ValueError(
                "A weight of the smaller model has the wrong shape: a pruning "
                "rule misses an axis or a config entry. "
                f"Expected: shape {tuple(new.shape)} for {new.path!r}. "
                f"Received: {tuple(value.shape)}."
            )
        new.assign(value)


def _unbuilt(config):
    """A config without the shapes that its layers were built for."""
    if isinstance(config, dict):
        return {
            key: _unbuilt(value)
            for key, value in config.items()
            if key != "build_config"
        }
    if type(config) in (list, tuple):
        return type(config)(_unbuilt(item) for item in config)
    return config


def compile_like(smaller, model):
    """Compiles with the original's training config, if Keras can save it.

    Args:
        smaller: A `keras.Model`; changed in place.
        model: The original, compiled.
    """
    try:
        smaller.compile_from_config(model.get_compile_config())
    except Exception as error:
        warnings.warn(
            f"The training config of {model.name!r} was not copied to "
            f"the smaller model, call `compile` yourself: {error}",
            stacklevel=4,
        )


@contextmanager
def _quick_build(layer):
    """Initializes with zeros: random values take a third of the build time.

    The original initializers are restored afterwards, for the config.
    """
    kind = keras.initializers.Initializer
    own = {k: v for k, v in vars(layer).items() if isinstance(v, kind)}
    try:
        for name in own:
            setattr(layer, name, keras.initializers.Zeros())
        yield
    finally:
        for name, initializer in own.items():
            setattr(layer, name, initializer)


def _input(layer, received):
    """A new `Input`; a nested model may receive fewer channels than before."""
    config = layer.get_config()
    if received is not None:
        config["batch_shape"] = [
            size and new
            for size, new in zip(config["batch_shape"], received.shape)
        ]
    return type(layer).from_config(config).output


def _functional_class(model):
    """The model's class if its constructor is the functional one."""
    plain = keras.Model.__init__
    same = type(model).__init__ is plain or type(model) is keras.Model
    public = type(model).__module__.startswith("keras.")
    return keras.Model if public or not same else type(model)
