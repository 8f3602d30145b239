"""Multiply-accumulates by hand, and as published."""

import keras
import pytest
from keras import layers

from tfdcu.macs import total_macs


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
        (
            layers.TimeDistributed(layers.Conv2D(2, 3)),
            (3, 5, 5, 4),
            3 * 9 * 9 * 4 * 2,
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
