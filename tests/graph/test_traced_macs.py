"""No layer counts as nothing: what is closed is counted by its operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

import tfdcu
from tests.support import custom
from tfdcu.export import inspect_litert
from tfdcu.graph.macs import layer_macs
from tfdcu.graph.macs import total_macs
from tfdcu.graph.profile import profile


class Tf(layers.Layer):
    """A function of TensorFlow."""

    def call(self, x):
        return self.function(x)

    @classmethod
    def of(cls, function):
        layer = cls()
        layer.function = function
        return layer


def k(*shape):
    return tf.constant(np.ones(shape, "float32"))


@pytest.mark.parametrize(
    "function,shape,expected",
    [
        (lambda x: tf.nn.relu(x), (6, 6, 4), 0),
        (lambda x: tf.matmul(x, k(4, 7)), (6, 4), 6 * 4 * 7),
        (lambda x: tf.matmul(x, x, transpose_b=True), (6, 4), 6 * 6 * 4),
        (lambda x: tf.matmul(x, x, transpose_a=True), (6, 4), 4 * 4 * 6),
        (lambda x: tf.einsum("bij,jk->bik", x, k(4, 5)), (6, 4), 6 * 4 * 5),
        (lambda x: tf.einsum("...j,jk->...k", x, k(4, 5)), (6, 4), 6 * 4 * 5),
        (
            lambda x: tf.nn.conv2d(x, k(3, 3, 4, 8), 1, "SAME"),
            (6, 6, 4),
            36 * 9 * 4 * 8,
        ),
        (
            lambda x: tf.nn.conv2d(x, k(3, 3, 2, 8), 1, "SAME"),
            (6, 6, 4),
            36 * 9 * 2 * 8,
        ),
        (
            lambda x: tf.nn.depthwise_conv2d(x, k(3, 3, 4, 2), [1] * 4, "SAME"),
            (6, 6, 4),
            36 * 9 * 4 * 2,
        ),
        (
            lambda x: tf.nn.conv2d_transpose(
                x, k(3, 3, 8, 4), (1, 12, 12, 8), 2
            ),
            (6, 6, 4),
            36 * 9 * 8 * 4,
        ),
        (lambda x: tf.function(tf.matmul)(x, k(4, 7)), (6, 4), 6 * 4 * 7),
    ],
)
def test_operations_of_tensorflow_are_counted(function, shape, expected):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, Tf.of(function)(inputs))
    assert total_macs(model) == expected


def test_a_closed_layer_and_the_same_layer_of_keras_count_alike():
    raw = custom.around(custom.Raw(name="raw"))
    plain = custom.around(layers.Conv2D(6, 3, padding="same", name="raw"))
    assert layer_macs(raw)["raw"] == layer_macs(plain)["raw"]
    assert profile(raw)["macs"] == profile(plain)["macs"] > 0


def test_an_opened_model_counts_like_its_inside():
    # 17 places of width 16, two heads of width 8, and 16 patches.
    one = 4 * 17 * 16 * 16 + 2 * 17 * 17 * 16 + 2 * 17 * 16 * 64
    expected = 16 * (4 * 4 * 3) * 16 + 2 * one + 16 * 5
    assert total_macs(custom.vit()) == expected


def test_a_loop_is_not_known_rather_than_zero():
    model = custom.around(custom.Loop(name="loop"))
    assert layer_macs(model)["loop"] is None
    assert profile(model)["macs"] is None


def test_audio_layers_count_their_operations():
    inputs = keras.Input((4000, 1))
    spectrum = layers.STFTSpectrogram(frame_length=200, fft_length=256)
    model = keras.Model(inputs, spectrum(inputs))
    assert total_macs(model) > 0


def test_operations_of_keras_that_hide_a_convolution_are_counted():
    inputs = keras.Input((6, 6, 3))
    model = keras.Model(inputs, ops.image.gaussian_blur(inputs))
    # A kernel of 3 by 3 for each of 3 channels.
    assert total_macs(model) == 36 * 3 * 9


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.matmul(k(9, 4), k(4, 7)),
        lambda x: tf.function(tf.matmul)(k(9, 4), k(4, 7)),
        lambda x: tf.matmul(tf.ones_like(x), k(4, 7)),
    ],
)
def test_a_product_of_weights_alone_is_not_counted(function):
    # (6, 4) and a sum of the product that is the same for all images.
    inputs = keras.Input((6, 4))
    layer = Tf.of(lambda x: x + tf.reduce_sum(function(x)))
    assert total_macs(keras.Model(inputs, layer(inputs))) == 0


def test_what_is_kept_in_a_variable_is_counted():
    kept = tf.Variable(np.zeros((1, 6, 4), "float32"))

    def function(x):
        kept.assign(x)
        return tf.matmul(kept, k(4, 7))

    inputs = keras.Input((6, 4))
    model = keras.Model(inputs, Tf.of(function)(inputs))
    assert total_macs(model) == 6 * 4 * 7


@pytest.mark.parametrize("closed", [False, True])
def test_macs_are_those_of_the_file_where_weights_are_multiplied(
    closed, tmp_path
):
    inputs = keras.Input((6, 4))
    table = custom.Relative(closed)
    model = keras.Model(inputs, layers.Dense(3)(table(inputs)))
    file = tfdcu.export_litert(model, tmp_path / "model.tflite")
    counted = sum(inspect_litert(file)["macs"].values())
    # Six places by nine relative ones of width four, and the classifier.
    assert total_macs(model) == counted == 6 * 9 * 4 + 6 * 9 * 3
