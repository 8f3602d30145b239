"""`read_graph` and `walk` on nested, shared and multi-input models."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from tests.support import tiny
from tfdcu.graph.graph import Tensor
from tfdcu.graph.graph import read_graph
from tfdcu.graph.graph import walk


def _run(model, inputs):
    """Runs the model operation by operation through `walk`."""

    def call(op, args, kwargs, path, made):
        return keras.tree.flatten(op(*args, **kwargs))

    return walk(read_graph(model).level, inputs, call)


def _nested():
    """A nested model called twice, a sequential end, operations between."""
    tensor = keras.Input((8, 8, 4))
    inner = keras.Model(
        tensor, layers.Conv2D(4, 1, name="conv")(tensor), name="in"
    )
    keras.Model(tensor, inner(tensor))  # a call that is not of this model
    inputs = keras.Input((8, 8, 4))
    left, right = ops.split(inner(inner(inputs)), 2, axis=-1)
    x = layers.Flatten()(ops.concatenate([right, 2.0 * left], axis=-1)[:, ::2])
    end = [layers.Dense(5), layers.Dense(3, activation="softmax")]
    return keras.Model(inputs, keras.Sequential(end, name="end")(x))


def test_inputs_are_the_outputs_of_the_layers_before():
    nodes = {node.path: node for node in read_graph(tiny.residual_net()).nodes}
    add = nodes["block1_add"]
    made = [nodes[name].outputs[0] for name in ("stem_relu", "block1_bn2")]
    assert len(add.inputs) == 2
    assert all(one is other for one, other in zip(add.inputs, made))
    assert nodes["block1_out"].inputs[0] is add.outputs[0]


def test_nested_models_are_taken_apart():
    nodes = read_graph(_nested()).nodes
    assert [node.path for node in nodes[:2]] == ["in/conv", "in/conv"]
    assert nodes[0].op is nodes[1].op
    assert nodes[1].inputs[0] is nodes[0].outputs[0]
    assert nodes[-1].path.startswith("end/")


def test_flags_are_not_inputs_of_a_nested_model():
    inner = keras.Sequential([keras.Input((3,)), layers.Dropout(0.5)])
    inputs = keras.Input((3,))
    model = keras.Model(inputs, inner(inputs, training=False))
    graph = read_graph(model)
    assert graph.entries == [(inner, graph.inputs)]


def test_shapes_are_known():
    node = read_graph(tiny.plain_net(size=8, width=16)).nodes[0]
    assert node.inputs[0].shape == (None, 8, 8, 1)
    assert node.outputs[0].shape == (None, 8, 8, 16)
    assert isinstance(node.outputs[0], Tensor)


@pytest.mark.parametrize("build", [tiny.residual_net, _nested])
def test_execute_computes_what_the_model_computes(build):
    model = build()
    inputs = np.random.default_rng(0).random((2,) + model.input_shape[1:])
    inputs = inputs.astype("float32")
    received = np.asarray(_run(model, [inputs])[0])
    expected = np.asarray(model(inputs))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-6)


def test_several_inputs_and_outputs_keep_their_order():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model({"b": b, "a": a}, [a + 1.0, a - b])
    a, b = np.zeros((1, 3)), np.ones((1, 3))
    graph = read_graph(model)
    values = [{"a": a, "b": b}[t.name] for t in model.inputs]
    received = _run(model, values)
    assert len(graph.inputs) == len(graph.outputs) == 2
    np.testing.assert_array_equal(received[0], a + 1)
    np.testing.assert_array_equal(received[1], a - b)
