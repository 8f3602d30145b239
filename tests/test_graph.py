"""A model taken apart says what it is, and its logits are its own."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from tests import tiny
from tfdcu.graph import Tensor
from tfdcu.graph import as_logits
from tfdcu.graph import read_graph
from tfdcu.graph import walk


class Hidden(keras.Model):
    """A subclassed model: its layers are inside Python code."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


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


def test_edges_follow_the_calls():
    edges = read_graph(tiny.residual_net()).edges()
    assert ("stem_relu", "block1_add") in edges
    assert ("block1_bn2", "block1_add") in edges
    assert ("block1_add", "block1_out") in edges
    assert ("stem", "block1_add") not in edges


def test_nested_models_are_taken_apart():
    nodes = read_graph(_nested()).nodes
    assert [node.path for node in nodes[:2]] == ["in/conv", "in/conv"]
    assert nodes[0].op is nodes[1].op
    assert nodes[1].inputs[0] is nodes[0].outputs[0]
    assert nodes[-1].path.startswith("end/")


def test_shapes_are_known():
    node = read_graph(tiny.plain_net(size=8, width=16)).nodes[0]
    assert node.inputs[0].shape == (None, 8, 8, 1)
    assert node.outputs[0].shape == (None, 8, 8, 16)
    assert isinstance(node.outputs[0], Tensor)


@pytest.mark.parametrize("build", [tiny.residual_net, _nested])
def test_walk_computes_what_the_model_computes(build):
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


def _classifiers():
    inputs = keras.Input((6,))
    x = layers.Dense(5, activation="relu")(inputs)
    dense = layers.Dense(3, activation="softmax", name="top")
    yield "activation", keras.Model(inputs, dense(x))
    scores = layers.Dense(3)(x)
    yield "layer", keras.Model(inputs, layers.Softmax()(scores))
    end = layers.Activation("softmax")(scores)
    yield "activation layer", keras.Model(inputs, end)
    yield "operation", keras.Model(inputs, ops.softmax(scores))
    inner = keras.Model(x, layers.Softmax()(layers.Dense(3)(x)))
    yield "nested", keras.Model(inputs, inner(x))
    stack = [keras.Input((6,)), layers.Dense(3), layers.Softmax()]
    yield "sequential", keras.Sequential(stack)
    other = layers.Dense(3, activation="softmax")(x)
    yield "average", keras.Model(inputs, layers.Average()([end, other]))
    yield "reshaped", keras.Model(inputs, layers.Reshape((3,))(end))
    yield "conv", _convolutional()


def _convolutional():
    inputs = keras.Input((6,))
    x = layers.Reshape((1, 1, 6))(inputs)
    x = layers.Conv2D(3, 1, activation="softmax")(x)
    return keras.Model(inputs, layers.Flatten()(x))


@pytest.mark.parametrize("kind,model", list(_classifiers()))
def test_softmax_of_the_logits_is_the_model(kind, model):
    before = tiny.weights(model)
    inputs = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    expected = np.asarray(model(inputs))
    logits = as_logits(model)
    assert logits is not model
    received = np.asarray(ops.softmax(logits(inputs)))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-6)
    tiny.assert_same_weights(before, tiny.weights(model))
    np.testing.assert_array_equal(np.asarray(model(inputs)), expected)
    assert logits.name == model.name


def test_the_logarithm_of_probabilities_is_called_alike_each_time(tmp_path):
    """Models are told apart by their config, names included."""
    one = tiny.plain_net()
    softmax = layers.Softmax()(one.output)
    mean = layers.Average()([softmax, softmax])
    model = keras.Model(one.input, mean)
    first, second = as_logits(model), as_logits(model)
    assert first is not second
    assert first.get_config() == second.get_config()
    first.save(tmp_path / "first.keras")
    read = keras.models.load_model(tmp_path / "first.keras")
    tiny.assert_same_function(first, read, tiny.images())


def test_sigmoid_is_taken_off():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(2, activation="sigmoid")(inputs))
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    received = ops.sigmoid(as_logits(model)(x))
    np.testing.assert_allclose(received, model(x), rtol=0, atol=1e-6)


def test_logits_stay_as_they_are():
    model = tiny.plain_net()
    assert as_logits(model) is model
    pooled = layers.GlobalAveragePooling2D()
    tensor = keras.Input((8, 8, 3))
    plain = keras.Model(tensor, pooled(layers.Conv2D(4, 1)(tensor)))
    assert as_logits(plain) is plain


@pytest.mark.parametrize(
    "model", [Hidden(), keras.Sequential([layers.Dense(2)])]
)
def test_models_that_cannot_be_taken_apart_are_refused(model):
    with pytest.raises(ValueError, match="cannot be taken apart"):
        as_logits(model)
    with pytest.raises(ValueError, match="cannot be taken apart"):
        read_graph(model)


def test_classifiers_have_one_input_and_one_flat_output():
    a, b = keras.Input((3,)), keras.Input((3,))
    with pytest.raises(ValueError, match="one input"):
        as_logits(keras.Model([a, b], a + b))
    with pytest.raises(ValueError, match="one input"):
        as_logits(keras.Model(a, [a + 1.0, a + 2.0]))
    image = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match=r"shape \(batch, classes\)"):
        as_logits(keras.Model(image, layers.Conv2D(2, 1)(image)))
