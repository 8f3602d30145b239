"""Multiply-accumulates by hand, and as published."""

import keras
import pytest
from keras import layers
from keras import ops

from tfdcu.graph.macs import total_macs


@pytest.mark.parametrize(
    "layer,shape,expected",
    [
        (layers.Conv1D(8, 3), (10, 4), 8 * 3 * 4 * 8),
        (layers.Conv2D(8, 3, 2), (9, 9, 4), 16 * 9 * 4 * 8),
        (layers.Conv2D(8, 3, groups=2), (5, 5, 4), 9 * 9 * 2 * 8),
        (layers.Conv2D(8, 3, dilation_rate=2), (9, 9, 4), 25 * 9 * 4 * 8),
        (layers.Conv3D(2, 3), (4, 4, 4, 3), 8 * 27 * 3 * 2),
        (layers.Conv2DTranspose(8, 3, 2), (5, 5, 4), 25 * 9 * 4 * 8),
        (
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            (5, 5, 4),
            9 * 9 * 4 * 2,
        ),
        (
            layers.SeparableConv2D(6, 3, depth_multiplier=2),
            (5, 5, 4),
            9 * (9 * 4 * 2 + 8 * 6),
        ),
        (layers.Dense(7), (5, 4), 5 * 4 * 7),
        (layers.EinsumDense("abc,cd->abd", (5, 7)), (5, 4), 5 * 4 * 7),
        (layers.LSTM(6), (5, 4), 5 * (4 + 6) * 24),
        # Its bias is a matrix (2, 12), and still a bias.
        (layers.GRU(4), (5, 6), 5 * (6 + 4) * 12),
        (layers.Bidirectional(layers.GRU(4)), (5, 6), 2 * 5 * (6 + 4) * 12),
        # States of (4, 4), to which the recurrent kernel pads.
        (layers.ConvLSTM2D(4, 3), (3, 6, 6, 2), 3 * 16 * 9 * (2 + 4) * 16),
        (
            layers.ConvLSTM2D(4, 3, return_sequences=True),
            (3, 6, 6, 2),
            3 * 16 * 9 * (2 + 4) * 16,
        ),
        (
            layers.TimeDistributed(layers.Conv2D(2, 3)),
            (3, 5, 5, 4),
            3 * 9 * 9 * 4 * 2,
        ),
        (
            layers.TimeDistributed(
                keras.Sequential(
                    [keras.Input((5, 4)), layers.Dense(7), layers.Dense(2)]
                )
            ),
            (3, 5, 4),
            3 * 5 * (4 * 7 + 7 * 2),
        ),
        (
            layers.SpectralNormalization(layers.Dense(4)),
            (5, 8),
            5 * 8 * 4,
        ),
        (layers.LayerNormalization(), (5, 4), 0),
    ],
)
def test_layers_by_hand(layer, shape, expected):
    inputs = keras.Input(shape)
    assert total_macs(keras.Model(inputs, layer(inputs))) == expected


def test_attention_by_hand():
    inputs = keras.Input((10, 32))
    x = layers.MultiHeadAttention(4, 8)(inputs, inputs)
    macs = total_macs(keras.Model(inputs, x))
    assert macs == 4 * 10 * 32 * 32 + 2 * 10 * 10 * 32
    x = layers.GroupQueryAttention(8, 4, 2)(inputs, inputs)
    macs = total_macs(keras.Model(inputs, x))
    assert macs == 10 * 32 * (32 + 16 + 16 + 32) + 2 * 10 * 10 * 32


def test_gated_attention_has_one_more_projection():
    inputs = keras.Input((5, 8))
    x = layers.MultiHeadAttention(2, 4, use_gate=True)(inputs, inputs)
    macs = total_macs(keras.Model(inputs, x))
    assert macs == 5 * 5 * 8 * 8 + 2 * 5 * 5 * 8
    x = layers.GroupQueryAttention(4, 4, 2, use_gate=True)(inputs, inputs)
    macs = total_macs(keras.Model(inputs, x))
    assert macs == 5 * 8 * (16 + 8 + 8 + 16 + 16) + 2 * 5 * 5 * 16


def test_attention_scores_are_counted_along_attention_axes():
    inputs = keras.Input((3, 5, 8))
    x = layers.MultiHeadAttention(2, 4, attention_axes=2)(inputs, inputs)
    macs = total_macs(keras.Model(inputs, x))
    assert macs == 3 * 5 * 4 * 8 * 8 + 2 * 3 * 5 * 5 * 8


@pytest.mark.parametrize(
    "op,shapes,expected",
    [
        (ops.conv, [(3, 3, 4, 8)], 9 * 9 * 4 * 8),
        (ops.depthwise_conv, [(3, 3, 4, 2)], 9 * 9 * 4 * 2),
        (
            ops.separable_conv,
            [(3, 3, 4, 2), (1, 1, 8, 6)],
            9 * (9 * 4 * 2 + 8 * 6),
        ),
        (ops.conv_transpose, [(3, 3, 8, 4)], 25 * 9 * 4 * 8),
    ],
)
def test_convolutions_of_ops_are_counted_like_layers(op, shapes, expected):
    inputs = keras.Input((5, 5, 4))
    kernels = [ops.ones(shape) for shape in shapes]
    assert total_macs(keras.Model(inputs, op(inputs, *kernels))) == expected


def test_attention_of_ops_by_hand():
    query, key = keras.Input((5, 2, 4)), keras.Input((7, 2, 4))
    x = ops.dot_product_attention(query, key, key)
    assert total_macs(keras.Model([query, key], x)) == 2 * 5 * 7 * 2 * 4


def test_windows_in_the_batch_are_all_counted():
    inputs = keras.Input((4, 6, 5))
    x = ops.reshape(inputs, (-1, 2, 2, 2, 3, 5))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    windows = ops.reshape(x, (-1, 6, 5))  # four of each image
    x = layers.Dense(7)(windows)
    x = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
    x = ops.split(ops.concatenate([x, x], axis=0), 2, axis=0)[0]
    x = layers.Dense(3)(ops.repeat(x, 2, axis=0))
    model = keras.Model(inputs, ops.reshape(x, (-1, 8 * 6 * 3)))
    by_hand = 4 * 6 * 5 * 7 + 4 * 6 * 7 * 6 + 8 * 6 * 6 * 3
    assert total_macs(model) == by_hand


def test_a_layer_named_like_an_operation_counts_nothing():
    class Einsum(layers.Layer):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((4,))
    assert total_macs(keras.Model(inputs, Einsum()(inputs))) == 0


@pytest.mark.parametrize(
    "name,millions",
    [
        # Sandler et al. 2018, table 4: 300 M; Howard et al. 2017: 569 M;
        # Tan and Le 2019: 0.39 G multiply-adds.
        ("MobileNetV2", 300),
        ("MobileNet", 569),
        ("EfficientNetB0", 390),
    ],
)
def test_published_counts(name, millions):
    model = getattr(keras.applications, name)(weights=None)
    assert total_macs(model) / 1e6 == pytest.approx(millions, rel=0.015)
