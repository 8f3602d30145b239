"""Read `.h5` files of Keras 2: its layers made again, call by call.

Keras 3 alone refuses keys of their configs, nested models and TensorFlow
operations in the graph, and takes weights by their order alone.
"""

import json

import h5py
import keras
from keras import tree

from tfdcu.graph.keras_private import producer_of
from tfdcu.models.keras2_config import CannotRead
from tfdcu.models.keras2_config import arguments_of
from tfdcu.models.keras2_ops import operation
from tfdcu.models.keras2_ops import replacement
from tfdcu.models.keras2_weights import set_weights

_MODELS = "Functional", "Model", "Sequential"
# Entries of a config that hold layers.
_INNER = "layer", "backward_layer", "cell", "cells"


def is_of_keras_2(path):
    """Whether an HDF5 file with a complete model was written by Keras 2."""
    with h5py.File(path, "r") as file:
        version = _text(file.attrs.get("keras_version", ""))
        return version.startswith("2.") and "model_config" in file.attrs


def load_keras_2(path, custom_objects=None):
    """Loads the model of an `.h5` file of Keras 2, without its optimizer.

    Nothing of the file is executed: layers are those of `keras.layers` or of
    `custom_objects`, operations those of a fixed list.

    Args:
        path: The file.
        custom_objects: Dict from name to class or function.

    Returns:
        A `keras.Model`.

    Raises:
        CannotRead: If the file has a layer or operation that Keras 3 cannot
            compute, or weights that do not fit.
    """
    with h5py.File(path, "r") as file:
        config = json.loads(_text(file.attrs["model_config"]))
        with keras.saving.custom_object_scope(custom_objects or {}):
            maker = _Maker(custom_objects or {})
            model = maker.make(config)
        if not model.built:
            raise CannotRead(
                "it does not tell the shape of its input. Expected: a model "
                f"that was built before it was saved. Received: {model.name!r}"
            )
        set_weights(model, file["model_weights"], maker.names)
    return model


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


class _Maker:
    """Makes layers and models from configs of Keras 2."""

    def __init__(self, custom_objects):
        self.custom_objects = custom_objects
        # Names of layers in the file, by identity.
        self.names = {}
        self.alive = []

    def make(self, described):
        """The layer, model or function of tensors that a config describes."""
        kind, config = described["class_name"], described["config"]
        if kind == "Sequential":
            return self._sequential(config)
        if kind in _MODELS and "layers" in config:
            return self._functional(config)
        name = kind.rpartition(">")[2]
        custom = self.custom_objects.get(kind, self.custom_objects.get(name))
        if custom is not None:
            return custom.from_config(config)
        if kind in ("TFOpLambda", "SlicingOpLambda"):
            return operation(config)
        config, given = self._named(config)
        made = replacement(name, config)
        if made is not None:
            return self._note(made, given)
        if kind == "Lambda":
            raise ValueError(f"Lambda layer {config['name']!r}")
        inner = {
            key: [self.make(one) for one in value]
            if isinstance(value, list)
            else self.make(value)
            for key, value in config.items()
            if (key in _INNER and value) or _is_layer(key, value)
        }
        cls, arguments = arguments_of(kind, config)
        layer = cls(**{**arguments, **inner})
        return self._note(_frozen(layer, config), given)

    def _named(self, config):
        """The config with a name that Keras 3 takes, and the name itself."""
        name = config.get("name")
        if not name or "/" not in name:
            return config, name
        return {**config, "name": name.replace("/", "_")}, name

    def _note(self, layer, name):
        self.names[id(layer)] = name
        self.alive.append(layer)
        return layer

    def _sequential(self, config):
        if isinstance(config, list):
            config = {"layers": config}
        described = config["layers"]
        shape = config.get("build_input_shape")
        first = described[0]["config"] if described else {}
        inputs = []
        if described and described[0]["class_name"] == "InputLayer":
            inputs, described = [_input(first)], described[1:]
        elif isinstance(first, dict) and "batch_input_shape" in first:
            inputs = [_input({**first, "name": None})]
        elif shape and described[0]["class_name"] not in _MODELS:
            inputs = [_input({"batch_input_shape": shape})]
        made = [self.make(layer) for layer in described]
        plain = all(isinstance(layer, keras.layers.Layer) for layer in made)
        if plain:
            model = keras.Sequential([*inputs, *made], name=config.get("name"))
            if shape and not model.built:
                model.build(shape)
        else:
            x = inputs[0]
            for layer in made:
                x = layer(x)
            model = keras.Model(inputs[0], x, name=config.get("name"))
        return _frozen(model, config)

    def _functional(self, config):
        values, waiting, inputs = {}, [], {}
        first_call = _first_calls(config)
        for layer in config["layers"]:
            name = layer["name"]
            if layer["class_name"] == "InputLayer":
                inputs[name] = values[name, 0] = [_input(layer["config"])]
                continue
            made = self.make(layer)
            for number, node in enumerate(layer["inbound_nodes"]):
                key = name, number + first_call.get(name, 0)
                waiting.append((key, made, node))
        while waiting:
            later = []
            for key, made, node in waiting:
                if all((n, c) in values for n, c, _ in _refs(node)):
                    outputs = tree.flatten(_call(made, node, values))
                    if not isinstance(made, keras.layers.Layer):
                        _name(outputs, values, _plain_name(*key))
                    values[key] = outputs
                else:
                    later.append((key, made, node))
            if len(later) == len(waiting):
                raise CannotRead(
                    "its graph cannot be followed. Expected: "
                    "calls whose inputs are known. Received: "
                    f"{[key for key, _, _ in later][:3]}"
                )
            waiting = later

        def tensors(structure):
            if _is_ref(structure):
                name, call, index = structure[:3]
                return values[name, call][index]
            if isinstance(structure, dict):
                return {k: tensors(v) for k, v in structure.items()}
            found = [tensors(item) for item in structure]
            return found[0] if len(found) == 1 else found

        model = keras.Model(
            tensors(config["input_layers"]),
            tensors(config["output_layers"]),
            name=config.get("name"),
        )
        return _frozen(model, config)


def _plain_name(name, call):
    name = name.replace("/", "_").replace(".", "_")
    return f"{name}_call{call}" if call else name


def _name(outputs, values, name):
    """Names new operations by the file: Keras may choose a layer's name."""
    known = {id(tensor) for made in values.values() for tensor in made}
    waiting, count = list(outputs), 0
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in known:
            continue
        known.add(id(tensor))
        made_by = producer_of(tensor)
        made_by.op.name = f"{name}_part{count}" if count else name
        count += 1
        given = tree.flatten((made_by.args, made_by.kwargs))
        waiting += [x for x in given if isinstance(x, keras.KerasTensor)]


def _is_layer(key, value):
    """Whether an activation is a layer, such as `LeakyReLU`."""
    return key.endswith("activation") and isinstance(value, dict)


def _input(config):
    dtype = config.get("dtype")
    return keras.Input(
        batch_shape=config.get("batch_input_shape", config.get("batch_shape")),
        dtype=dtype if isinstance(dtype, str) else None,
        name=config.get("name"),
    )


def _frozen(layer, config):
    if config.get("trainable") is False:
        layer.trainable = False
    return layer


def _is_ref(value):
    """Whether a value is [layer, call, output], perhaps with keywords."""
    return (
        isinstance(value, (list, tuple))
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and isinstance(value[2], int)
        and not isinstance(value[1], bool)
    )


def _refs(value):
    """All (layer, call, output) in an entry of `inbound_nodes`."""
    if _is_ref(value):
        yield tuple(value[:3])
        value = value[3] if len(value) > 3 else ()
    elif isinstance(value, list) and value[:1] == ["_CONSTANT_VALUE"]:
        value = value[3]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _refs(item)


def _first_calls(config):
    """The number of the first call of each layer; 1 for some models."""
    refs = [
        ref
        for layer in config["layers"]
        for node in layer["inbound_nodes"]
        for ref in _refs(node)
    ]
    refs += _refs(config["output_layers"])
    first = {}
    for name, call, _ in refs:
        first[name] = min(call, first.get(name, call))
    nested = {x["name"] for x in config["layers"] if x["class_name"] in _MODELS}
    return {name: call for name, call in first.items() if name in nested}


def _call(made, node, values):
    """Calls a layer with the tensors and keywords of one inbound node."""
    keywords = {}

    def fill(value):
        if _is_ref(value):
            name, call, index = value[:3]
            if len(value) > 3:
                keywords.update(value[3])
            return values[name, call][index]
        if isinstance(value, list) and value[:1] == ["_CONSTANT_VALUE"]:
            keywords.update(value[3])
            return value[2]
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return value

    given = fill(node)
    if isinstance(given, list) and len(given) == 1:
        (given,) = given
    keywords = {key: fill(value) for key, value in keywords.items()}
    if isinstance(made, keras.layers.Layer):
        if keywords.get("mask") is None:
            keywords.pop("mask", None)
        keywords.pop("training", None)
        recurrent = keras.layers.RNN, keras.layers.Bidirectional
        if isinstance(made, recurrent) and isinstance(given, list):
            return made(given[0], initial_state=given[1:], **keywords)
    return made(given, **keywords)
