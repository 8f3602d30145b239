"""A batch split into parts gives the same values as the whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.graph import parallel
from tfdcu.graph.fused import Forward


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr(parallel, "num_parts", lambda: 3)


def traced(function, images):
    """The function's result in a graph that does not know the batch size."""
    shape = (None, *images.shape[1:])
    graph = tf.function(
        function,
        input_signature=[tf.TensorSpec(shape, tf.float32)],
        autograph=False,
    )
    return graph(tf.constant(images))


@pytest.mark.parametrize("num", [1, 2, 5, 7])
def test_parts_are_nearly_equal_not_empty_and_come_back_in_order(three, num):
    sizes = []

    def function(images):
        tf.py_function(lambda x: sizes.append(len(x)), [images], [])
        return [images, 2.0 * images[:, 0, 0, 0]]

    images = tiny.images(num)
    one, other = traced(lambda x: parallel.in_parts(function, x), images)
    np.testing.assert_array_equal(one, images)
    np.testing.assert_array_equal(other, 2.0 * images[:, 0, 0, 0])
    assert len(sizes) == 3 and sum(sizes) == max(num, 3)
    assert max(sizes) - min(sizes) <= 1 <= min(sizes)


def test_a_batch_is_not_split_in_eager_mode(three):
    images = tf.constant(tiny.images(6))
    assert parallel.in_parts(lambda x: x, images) is images


@pytest.mark.parametrize(
    ("cores", "threads", "expected"),
    [(2, "1", 2), (8, "4", 2), (3, "1", 3), (1, "1", 1), (2, "4", 1)],
)
def test_num_parts_is_cores_over_threads(monkeypatch, cores, threads, expected):
    monkeypatch.setattr(parallel, "num_cores", lambda: cores)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", threads)
    assert parallel.num_parts() == expected


def test_a_batch_is_not_split_without_a_thread_setting(monkeypatch):
    monkeypatch.setattr(parallel, "num_cores", lambda: 64)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    assert parallel.num_parts() == 1


@pytest.mark.parametrize(
    ("cores", "chosen", "expected"),
    [(8, None, [4]), (1, None, [1]), (8, "2", [])],
)
def test_halve_threads_unless_threads_are_set(
    monkeypatch, cores, chosen, expected
):
    threads = []
    monkeypatch.setattr(
        tf.config.threading,
        "set_intra_op_parallelism_threads",
        threads.append,
    )
    monkeypatch.setattr(parallel, "num_cores", lambda: cores)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    if chosen:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", chosen)
    parallel.halve_threads()
    assert threads == expected


def test_threads_cannot_change_after_tensorflow_started(monkeypatch):
    tf.constant(1.0).numpy()
    monkeypatch.setattr(parallel, "num_cores", lambda: 64)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    parallel.halve_threads()
    assert parallel.num_parts() == 1


def test_a_batch_is_not_split_on_a_gpu(monkeypatch):
    monkeypatch.setattr(parallel, "num_cores", lambda: 64)
    monkeypatch.setattr(
        tf.config, "get_visible_devices", lambda kind: [f"{kind}:0"]
    )
    assert parallel.num_parts() == 1


def test_num_cores_is_at_least_one():
    assert parallel.num_cores() >= 1


@pytest.mark.parametrize("num", [1, 7])
@pytest.mark.parametrize("net", [tiny.residual_net, tiny.depthwise_net])
def test_split_batches_give_the_same_values_and_gradients(
    monkeypatch, net, num
):
    model = net()
    images = tiny.images(num, channels=model.input_shape[-1])
    forward = Forward(model)

    def step(images):
        with tf.GradientTape() as tape:
            outputs = forward(images, training=False)
            loss = tf.reduce_sum(tf.sin(outputs))
        return outputs, tape.gradient(loss, model.trainable_variables)

    found = []
    for count in (1, 3):
        monkeypatch.setattr(parallel, "num_parts", lambda: count)
        found.append(keras.tree.flatten(traced(step, images)))
    assert found[0][0].shape[0] == num
    for whole, cut in zip(*found, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=1e-3, atol=1e-5)


class Foreign(layers.Layer):
    """A custom layer, which may mix images."""

    def call(self, x):
        return x - tf.reduce_mean(x, axis=0, keepdims=True)

    def compute_output_shape(self, shape):
        return shape


def with_layer(layer, **options):
    inputs = keras.Input((8, 8, 1), **options)
    x = layer(layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, layers.Flatten()(x))


@pytest.mark.parametrize(
    "model",
    [
        lambda: with_layer(Foreign()),
        lambda: with_layer(keras.Sequential([layers.ReLU(), Foreign()])),
        lambda: with_layer(layers.Lambda(lambda x: x - x[:1])),
        lambda: with_layer(layers.Conv2D(2, 3, activity_regularizer="l2")),
        lambda: with_layer(layers.ActivityRegularization(l2=1.0)),
        lambda: with_layer(layers.ReLU(), batch_size=6),
    ],
)
def test_models_with_dependent_images_are_not_split(three, monkeypatch, model):
    model = model()
    assert len(parts_of(model, monkeypatch)) == 1


def test_a_training_pass_is_not_split(three, monkeypatch):
    model = with_layer(layers.BatchNormalization())
    assert len(parts_of(model, monkeypatch)) == 3
    assert len(parts_of(model, monkeypatch, training=True)) == 1


def parts_of(model, monkeypatch, training=False):
    """What the first convolution is called with, in a graph."""
    calls, call = [], layers.Conv2D.call
    (conv,) = [x for x in model.layers if x.name.startswith("conv2d")][:1]

    def noted(layer, inputs):
        if layer is conv:
            calls.append(inputs)
        return call(layer, inputs)

    forward = Forward(model)
    with monkeypatch.context() as patch:
        patch.setattr(layers.Conv2D, "call", noted)
        traced(lambda x: forward(x, training=training), tiny.images(6))
    return calls
