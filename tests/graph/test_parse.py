"""`parse_model` lists calls in order, nested models included."""

import keras
import pytest
from keras import layers

from tfdcu.graph.graph import read_graph
from tfdcu.graph.logits import as_logits
from tfdcu.graph.parse import parse_model


class Hidden(keras.Model):
    """A subclassed model: its layers are inside Python code."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


class Broken(layers.Layer):
    """Its `get_config` names what it does not have, and nothing traces it."""

    def call(self, x):
        return layers.Dense(2)(x) if self.training else -x

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_a_layer_whose_config_fails_is_named():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Broken(name="odd")(inputs))
    with pytest.raises(ValueError, match=r"Broken layer 'odd' \(Attri.*units"):
        parse_model(model)


def test_a_call_comes_after_its_inputs():
    inputs, twice = keras.Input((4,)), layers.Dense(4, name="twice")
    between = layers.ReLU(name="between")
    level = parse_model(keras.Model(inputs, twice(between(twice(inputs)))))
    received = [(call.op.name, call.index) for call in level.calls]
    assert received == [("twice", 0), ("between", 0), ("twice", 1)]


def test_the_call_of_a_nested_model_holds_its_level():
    tensor, inputs = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model(tensor, layers.Dense(3, name="inside")(tensor))
    outside, call = parse_model(
        keras.Model(inputs, inner(layers.ReLU()(inputs)))
    ).calls
    assert outside.level is None
    assert call.level.model is call.op is inner
    assert [one.op.name for one in call.level.calls] == ["inside"]


@pytest.mark.parametrize("read", [parse_model, read_graph, as_logits])
@pytest.mark.parametrize(
    "model", [Hidden(), keras.Sequential([layers.Dense(2)])]
)
def test_models_that_cannot_be_taken_apart_are_errors(model, read):
    with pytest.raises(ValueError, match="cannot be taken apart"):
        read(model)
