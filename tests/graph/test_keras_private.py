"""A test for each private name of Keras that tfdcu uses."""

import ast
import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

import tfdcu
from tfdcu.graph import keras_private as private


def test_all_layers_are_found_at_any_depth_each_once():
    shared = layers.Dense(3)
    inner = keras.Sequential([keras.Input((3,)), shared, layers.ReLU()])
    images = keras.Input((3,))
    model = keras.Model(images, shared(layers.Dropout(0.1)(inner(images))))
    found = private.all_layers(model)
    assert found[0] is model
    assert private.all_layers(model, itself=False) == found[1:]
    ids = [id(layer) for layer in found]
    assert len(set(ids)) == len(ids)
    assert {id(x) for x in (inner, shared, *inner.layers)} <= set(ids)


def test_layers_within_are_those_of_the_layer_itself():
    outer = layers.Bidirectional(layers.LSTM(2))
    outer.build((None, 4, 3))
    forward = outer.forward_layer
    assert forward in private.layers_within(outer)
    assert forward.cell not in private.layers_within(outer)
    assert private.layers_within(forward)[0] is forward.cell


def test_the_producer_of_a_tensor_is_its_last_call():
    dense = layers.Dense(3)
    first = keras.Input((3,))
    middle = dense(first)
    producer = private.producer_of(dense(middle, training=False))
    assert producer.op is dense
    assert producer.args[0] is middle
    assert producer.kwargs == {"training": False}
    assert private.producer_of(first).op.output is first
    assert private.num_calls(dense) == 2


def test_the_output_of_a_layer_is_that_of_its_call_within_the_model():
    shared = layers.Dense(3, name="shared")
    first, second = keras.Input((3,)), keras.Input((3,))
    elsewhere = shared(first)
    here = shared(second)
    model = keras.Model(second, layers.ReLU()(here))
    assert private.output_within(model, "shared") is here
    other = keras.Model(first, elsewhere)
    assert private.output_within(other, "shared") is elsewhere
    grown = keras.Sequential([keras.Input((3,))])
    grown.add(layers.Dense(2, name="first"))
    grown.add(layers.Dense(2, name="last"))
    assert private.output_within(grown, "last") is grown.outputs[0]


def test_operations_of_keras_ops_are_told_from_layers():
    images = keras.Input((3,))
    assert private.is_of_keras_ops(
        type(private.producer_of(ops.abs(images)).op)
    )
    assert not private.is_of_keras_ops(layers.Dense)


def test_masks_are_those_of_keras():
    embed = layers.Embedding(4, 2, mask_zero=True)
    mask = private.mask_of(embed(np.array([[1, 0]])))
    np.testing.assert_array_equal(mask, [[True, False]])
    values = ops.ones((1, 2, 3))
    assert private.mask_of(values) is None
    private.set_mask(values, mask)
    # The masked step is not read.
    rnn = layers.SimpleRNN(2)
    np.testing.assert_array_equal(rnn(values), rnn(ops.ones((1, 1, 3))))


def test_the_stored_kernel_is_a_variable_although_lora_changes_it():
    dense = layers.Dense(3)
    dense.build((None, 4))
    kernel = private.stored_weight(dense)
    assert kernel is dense.kernel
    dense.enable_lora(1)
    assert private.stored_weight(dense) is kernel
    assert dense.kernel is not kernel
    assert private.stored_weight(layers.SeparableConv1D(2, 3), "name")


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        lambda **gate: layers.MultiHeadAttention(2, 3, **gate),
        lambda **gate: layers.GroupQueryAttention(3, 4, 2, **gate),
    ],
)
def test_projections_hold_all_weights_of_an_attention_layer(layer, gate):
    known = inspect.signature(layers.MultiHeadAttention).parameters
    if gate and "use_gate" not in known:
        pytest.skip("This version of Keras has no gates.")
    attention = layer(use_gate=True) if gate else layer()
    attention.build((None, 4, 5), (None, 4, 5))
    found = private.projections(attention)
    assert (
        list(found) == ["query", "key", "value", "output", "gate"][: 4 + gate]
    )
    weights = [w for dense in found.values() for w in dense.weights]
    assert {id(w) for w in weights} == {id(w) for w in attention.weights}


def test_the_output_shape_of_a_lambda_is_the_argument():
    assert private.lambda_output_shape(layers.Lambda(abs)) is None
    layer = layers.Lambda(abs, output_shape=(3,))
    assert private.lambda_output_shape(layer) == (3,)


def test_shared_variables_are_the_same_and_as_trainable():
    pair = [layers.BatchNormalization(name=name) for name in "ab"]
    for layer in pair:
        layer.build((None, 3))
    pair[1].gamma.trainable = False
    private.share_variables(*pair)
    assert [id(w) for w in pair[0].weights] == [id(w) for w in pair[1].weights]
    assert [w.name for w in pair[0].trainable_weights] == ["beta"]
    assert pair[0].moving_mean is pair[1].moving_mean


class OfPairs(private.OwnBatches):
    """A model whose batches are `{"pairs": (x, y)}`."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.dense.build((None, 2))
        self.built = True

    def call(self, inputs):
        return self.dense(inputs)

    def example_of(self, dataset):
        return next(iter(dataset))

    def build_like(self, data):
        self.build_as_keras(data["pairs"])

    def logs_of_epoch(self, logs):
        return {**logs, "loss_by_name": self.loss_metric().result()}

    def train_step(self, data):
        return super().train_step(data["pairs"])


def test_a_model_trains_on_batches_of_its_own():
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    # Not made of tensors: Keras would change the bases of `OwnBatches`, too.
    model = OfPairs()
    model.compile("sgd", "mse", metrics=["mae"])
    assert not model.compiled_metrics_built()
    data = tf.data.Dataset.from_tensors({"pairs": (x, y)})
    logs = model.fit(data, verbose=0).history
    assert model.compiled_metrics_built()
    assert logs["loss_by_name"] == logs["loss"]
    assert model.loss_metric().name == "loss"


ROOT = Path(tfdcu.__file__).parent
# Private names of keras-tuner stay in its quarantine.
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.py")
    if path.parent.name != "search"
)


def private_names(tree):
    """Names that begin with "_" and are read but not made in a file."""
    made, used = set(), set()
    hooks = {name for name in dir(keras.Model) if re.match("_[a-z]", name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            # A function that overrides one of Keras is not the file's own.
            (used if node.name in hooks else made).add(node.name)
        elif isinstance(node, ast.Attribute):
            stored = isinstance(node.ctx, ast.Store)
            own = stored and ast.unparse(node.value) in ("self", "cls")
            (made if own else used).add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            *("getattr", "hasattr", "setattr", "delattr"),
        ):
            used.add(ast.unparse(node.args[1]).lstrip("f").strip("'\""))
    return {name for name in used - made if re.match("_[a-z{]", name)}


@pytest.mark.parametrize("path", FILES)
def test_private_names_of_keras_are_in_one_file(path):
    names = private_names(ast.parse((ROOT / path).read_text("utf-8")))
    assert bool(names) == (path == "graph/keras_private.py"), names
