"""`as_logits` keeps the classifier's function and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

from tests.support import tiny
from tfdcu.graph.logits import as_logits


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


def test_added_operations_have_fixed_names(tmp_path):
    """Fingerprints of models include layer names."""
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


@pytest.mark.parametrize("kind,model", list(_classifiers()))
def test_training_the_logits_trains_the_model(kind, model, tmp_path):
    logits = as_logits(model)
    assert [id(w) for w in logits.weights] == [id(w) for w in model.weights]
    trained = logits.trainable_weights
    assert [id(w) for w in trained] == [id(w) for w in model.trainable_weights]
    for weight in trained:
        weight.assign(weight + 0.5)
    inputs = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    received = ops.softmax(logits(inputs))
    np.testing.assert_allclose(received, model(inputs), rtol=0, atol=1e-6)
    logits.save(tmp_path / "logits.keras")
    read = keras.models.load_model(tmp_path / "logits.keras")
    np.testing.assert_array_equal(logits(inputs), read(inputs))
    copy = keras.models.clone_model(logits)
    copy.set_weights(logits.get_weights())
    np.testing.assert_array_equal(logits(inputs), copy(inputs))


def test_a_frozen_model_can_be_trained_again():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(inputs))
    model.trainable = False
    logits = as_logits(model)
    assert logits.trainable_weights == [] and not model.trainable
    for layer in logits.layers:
        layer.trainable = True
    assert [id(w) for w in logits.trainable_weights] == [
        id(w) for w in model.weights
    ]


def test_lora_weights_are_kept():
    inputs = keras.Input((6,))
    dense = layers.Dense(3, activation="softmax")
    model = keras.Model(inputs, dense(inputs))
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones((2, 3)))
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    received = ops.softmax(as_logits(model)(x))
    np.testing.assert_allclose(received, model(x), rtol=0, atol=1e-6)


def test_sigmoid_is_removed():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(2, activation="sigmoid")(inputs))
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    received = ops.sigmoid(as_logits(model)(x))
    np.testing.assert_allclose(received, model(x), rtol=0, atol=1e-6)


def _deciders():
    inputs = keras.Input((6,))
    score = layers.Dense(1)(inputs)
    other = layers.Dense(1, activation="sigmoid")(inputs)
    plain = layers.Dense(1, activation=tf.nn.sigmoid)
    own = layers.Dense(1, activation=lambda x: ops.sigmoid(x))
    for kind, output in {
        "activation": other,
        "layer": layers.Activation("sigmoid")(score),
        "operation": ops.sigmoid(score),
        "function": plain(inputs),
        "own function": own(inputs),
        "average": layers.Average()([other, ops.sigmoid(score)]),
    }.items():
        yield pytest.param(keras.Model(inputs, output), id=kind)


@pytest.mark.parametrize("model", list(_deciders()))
def test_one_probability_becomes_the_logits_of_two_classes(model):
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    second = np.asarray(model(x))
    logits = as_logits(model)
    expected = np.concatenate([1 - second, second], axis=1)
    received = ops.softmax(logits(x))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-6)
    assert as_logits(logits) is logits
    assert logits.get_config() == as_logits(model).get_config()


def test_a_single_logit_is_that_of_the_second_class(tmp_path):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(1)(inputs))
    logits = as_logits(model)
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    score = np.asarray(model(x))
    np.testing.assert_array_equal(logits(x), score * [-0.5, 0.5])
    logits.save(tmp_path / "logits.keras")
    read = keras.models.load_model(tmp_path / "logits.keras")
    np.testing.assert_array_equal(read(x), logits(x))


@pytest.mark.parametrize(
    "softmax", [tf.nn.softmax, lambda x: ops.softmax(x)], ids=["tf", "own"]
)
def test_a_softmax_function_is_detected(softmax):
    inputs = keras.Input((6,))
    end = layers.Dense(3, activation=softmax)
    model = keras.Model(inputs, end(inputs))
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    received = ops.softmax(as_logits(model)(x))
    np.testing.assert_allclose(received, model(x), rtol=0, atol=1e-6)


def test_logits_are_returned_unchanged():
    model = tiny.plain_net()
    assert as_logits(model) is model
    pooled = layers.GlobalAveragePooling2D()
    tensor = keras.Input((8, 8, 3))
    plain = keras.Model(tensor, pooled(layers.Conv2D(4, 1)(tensor)))
    assert as_logits(plain) is plain


def test_models_that_are_not_classifiers_are_errors():
    a, b = keras.Input((3,)), keras.Input((3,))
    with pytest.raises(ValueError, match="one input"):
        as_logits(keras.Model([a, b], a + b))
    with pytest.raises(ValueError, match="one input"):
        as_logits(keras.Model(a, [a + 1.0, a + 2.0]))
    image = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match=r"shape \(batch, classes\)"):
        as_logits(keras.Model(image, layers.Conv2D(2, 1)(image)))


@pytest.mark.parametrize("end", [None, "softmax"])
@pytest.mark.parametrize("form", [lambda t: [t], lambda t: {"only": t}])
def test_one_tensor_in_a_structure_becomes_a_tensor(form, end):
    tensor = keras.Input((6,), name="only")
    scores = layers.Dense(3, activation=end)(tensor)
    model = keras.Model(form(tensor), form(scores), name="wrapped")
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    (expected,) = keras.tree.flatten(model(form(x)))
    logits = as_logits(model)
    received = logits(x) if end is None else ops.softmax(logits(x))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-6)
    assert isinstance(logits.output, keras.KerasTensor)
    assert logits.name == "wrapped"
    assert as_logits(logits) is logits
