"""Running a graph operation by operation."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.graph.execute import Executor
from tfdcu.graph.execute import call_node
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import with_scaled_weights
from tfdcu.graph.graph import read_graph


def test_execute_gives_the_outputs_of_the_model():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(inputs)
    # An output that is used further on, and one that is given twice.
    model = keras.Model(inputs, [x, layers.ReLU()(x), x])
    images = tiny.images(2, channels=3)
    received = execute(read_graph(model), images, call_node)
    for first, second in zip(received, model(images), strict=True):
        np.testing.assert_array_equal(first, second)


def test_inputs_are_converted_as_keras_does():
    model = tiny.residual_net()
    images = np.arange(2 * 8 * 8 * 3, dtype="uint8").reshape(2, 8, 8, 3)
    (received,) = execute(read_graph(model), tf.constant(images), call_node)
    np.testing.assert_allclose(received, model(images), rtol=1e-5)


def test_the_executor_frees_values_after_use():
    model, images = tiny.residual_net(), tiny.images(2, channels=3)
    graph = read_graph(model)
    walk, most = Executor(graph, images), 0
    for node in graph.nodes:
        walk.advance(node)
        most = max(most, len(walk.values))
    (output,) = walk.values.values()
    np.testing.assert_allclose(output, model(images), rtol=1e-5)
    assert most == 2


def test_before_is_called_for_every_input():
    model, images = tiny.residual_net(), tiny.images(2, channels=3)
    graph, asked = read_graph(model), []

    def before(node, tensor, value):
        asked.append((node, tensor))
        return tf.zeros_like(value)

    execute(graph, images, call_node, before)
    expected = [
        (node, tensor) for node in graph.nodes for tensor in node.inputs
    ]
    assert asked == expected


def test_scaled_weights_hold_for_one_call_and_have_gradients():
    layer, images = layers.Conv2D(4, 3), tiny.images(2, channels=3)
    expected = layer(images)
    before = layer.get_weights()
    scale = tf.constant([1.0, 2.0, 0.0, -1.0])
    scales = [(layer.kernel, -1, scale), (layer.bias, -1, scale)]
    with tf.GradientTape() as tape:
        (received,) = with_scaled_weights(layer, scales, (images,), {})
        total = tf.reduce_sum(received)
    np.testing.assert_allclose(received, scale * expected, atol=1e-5)
    gradient = tape.gradient(total, layer.bias.value)
    places = received.shape[0] * received.shape[1] * received.shape[2]
    np.testing.assert_allclose(gradient, scale * places)
    for first, second in zip(before, layer.get_weights()):
        np.testing.assert_array_equal(first, second)


def test_frozen_weights_are_scaled_as_well():
    layer, images = layers.Conv2D(4, 3), tiny.images(2, channels=3)
    expected = 2 * layer(images)
    scales = [(w, -1, tf.fill(4, 2.0)) for w in (layer.kernel, layer.bias)]
    for part in (layer.kernel, layer.bias, layer):
        part.trainable = False
        (received,) = with_scaled_weights(layer, scales, (images,), {})
        np.testing.assert_allclose(received, expected, atol=1e-5)
