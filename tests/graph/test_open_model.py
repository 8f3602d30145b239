"""An opened model is the same function, made of plain layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

from tests.support import custom
from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.keras_private import num_calls
from tfdcu.graph.open_model import open_model
from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter

OWN = {Parameter, OnePerImage}
MODELS = {
    "block": lambda: custom.around(custom.ResBlock(16)),
    "gate": lambda: custom.around(custom.Gate()),
    "standardized": lambda: custom.around(custom.StandardizedConv(12, 3)),
    "drop path": lambda: custom.around(layers.Dense(8), custom.DropPath()),
    "lambda": lambda: custom.around(layers.Lambda(lambda x: 2 * x)),
    "vit": custom.vit,
    "nested": lambda: custom.around(keras.Sequential([custom.Gate()])),
}


def shaken(model):
    generator = np.random.default_rng(0)
    for w in model.weights:
        if "float" in w.dtype:
            value = w.numpy() + generator.uniform(0.1, 0.5, w.shape)
            w.assign(value)
    return model


def images(count=3, size=16):
    shape = count, size, size, 3
    return np.random.default_rng(1).random(shape, dtype="float32")


def kinds(model):
    return {type(op) for op in model.operations}


@pytest.mark.parametrize("name", MODELS)
def test_an_opened_model_is_equal_and_plain(name, tmp_path):
    model = shaken(MODELS[name]())
    state = [w.numpy() for w in model.variables]
    calls = [num_calls(layer) for layer in all_layers(model)]
    x, path = images(), tmp_path / "opened.keras"
    expected = model(x, training=False)
    attributes = [dict(vars(layer)) for layer in all_layers(model)]
    opened = open_model(model)
    assert not opened.closed
    modules = {kind.__module__ for kind in kinds(opened.model) - OWN}
    assert all(module.startswith("keras.") for module in modules), modules
    np.testing.assert_array_equal(opened.model(x, training=False), expected)
    opened.model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(loaded(x, training=False), expected)
    # The argument does not notice.
    assert calls == [num_calls(layer) for layer in all_layers(model)]
    for layer, before in zip(all_layers(model), attributes):
        assert [k for k, v in before.items() if vars(layer)[k] is not v] == []
    for before, now in zip(state, model.variables):
        np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize("name", ["block", "vit"])
def test_an_opened_model_trains_the_same_weights(name):
    model = MODELS[name]()
    opened = open_model(model).model
    assert {id(w) for w in model.weights} >= {id(w) for w in opened.weights}
    trained = {id(w) for w in opened.trainable_weights}
    assert trained == {id(w) for w in model.trainable_weights}


@pytest.mark.parametrize("name", ["block", "vit"])
def test_names_are_the_same_each_time(name):
    model = MODELS[name]()
    first, second = (open_model(model).model for _ in range(2))
    names = [op.name for op in first.operations]
    assert names == [op.name for op in second.operations]


def test_a_model_of_keras_layers_is_itself():
    model = custom.around(layers.BatchNormalization())
    assert open_model(model).model is model


def test_a_nested_model_is_taken_apart_on_demand():
    inner = custom.around(layers.ReLU())
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    assert open_model(model).model is model
    flat = open_model(model, flat=True).model
    assert f"{inner.name}_before" in [layer.name for layer in flat.layers]
    np.testing.assert_array_equal(flat(images()), model(images()))


def test_what_cannot_be_traced_stays_closed_with_its_reason():
    raw = custom.Raw(name="raw")
    model = custom.around(raw, custom.Gate())
    opened = open_model(model)
    assert list(opened.closed) == ["raw"]
    assert (
        "cannot be traced (AttributeError: 'KerasTensor'"
        in opened.closed["raw"]
    )
    assert custom.Raw in kinds(opened.model)
    np.testing.assert_array_equal(opened.model(images()), model(images()))


class Extras(layers.Layer):
    """Returns a constant beside what it computes, through an `Identity`."""

    def __init__(self):
        super().__init__(dtype=keras.DTypePolicy("float32"))
        self.skip = layers.Identity(dtype=self.dtype_policy)

    def call(self, x):
        return self.skip(x) * 2, ops.zeros((0, 3)), ops.arange(3.0)


def test_constants_may_be_returned(tmp_path):
    inputs = keras.Input((16, 16, 3))
    doubled, _, colors = Extras()(inputs)
    model = keras.Model(inputs, doubled + colors)
    opened = open_model(model)
    assert not opened.closed
    opened.model.save(tmp_path / "opened.keras")
    loaded = keras.models.load_model(tmp_path / "opened.keras")
    np.testing.assert_array_equal(loaded(images()), model(images()))


def test_a_subclassed_model_that_cannot_be_traced_is_refused():
    class Choice(keras.Model):
        def call(self, x):
            return tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)

    model = Choice()
    model(images())
    with pytest.raises(ValueError, match="Choice.*cannot be traced"):
        open_model(model)


def test_a_subclassed_model_must_have_been_called():
    with pytest.raises(ValueError, match="called on data once"):
        open_model(custom.ViT())


class Batched(layers.Layer):
    """Shape arithmetic with the number of images."""

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        # Windows of 4 by 4, as in Swin.
        shape = batch, height // 4, 4, width // 4, 4, channels
        x = ops.transpose(ops.reshape(x, shape), (0, 1, 3, 2, 4, 5))
        windows = ops.reshape(x, (batch * height * width // 16, 16, channels))
        windows = windows - ops.mean(windows, 1, keepdims=True)
        table = ops.ones((batch, 1, 1, channels))
        return ops.reshape(windows, (batch, height, width, channels)) * table


@pytest.mark.parametrize("count", [1, 5, 61])
def test_any_number_of_images_goes_through(count):
    model = custom.around(Batched())
    opened = open_model(model)
    assert not opened.closed
    x = images(count)
    np.testing.assert_array_equal(opened.model(x), model(x))


def test_a_layer_in_half_precision_is_opened():
    gate = custom.Gate(dtype="mixed_float16")
    model = custom.around(gate)
    opened = open_model(model).model
    np.testing.assert_array_equal(opened(images()), model(images()))


def test_structures_of_inputs_and_outputs_are_kept():
    class Both(layers.Layer):
        def call(self, x):
            return {"sum": x["a"] + x["b"], "first": x["a"] * 2.0}

    given = {name: keras.Input((3,), name=name) for name in "ab"}
    model = keras.Model(given, Both()(given))
    opened = open_model(model).model
    x = {"a": np.ones((2, 3)), "b": np.full((2, 3), 5.0)}
    found = opened(x)
    assert list(found) == list(model(x))
    np.testing.assert_array_equal(found["sum"], np.full((2, 3), 6.0))
