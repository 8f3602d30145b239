"""Counts by hand, published counts, and counts after pruning."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.graph.profile import profile
from tfdcu.graph.profile import profile_layers


def test_plain_net_by_hand():
    model = tiny.plain_net(size=8, channels=1, num_classes=4, width=16)
    macs = {row["name"]: row["macs"] for row in profile_layers(model)}
    assert macs["conv1"] == 8 * 8 * 9 * 1 * 16
    assert macs["conv2"] == 8 * 8 * 9 * 16 * 32
    assert macs["logits"] == 32 * 4
    assert macs["bn1"] == 0
    assert profile(model)["params"] == model.count_params()


def test_nonzero_parameters():
    model = tiny.plain_net()
    kernel = model.get_layer("conv2").kernel
    value = kernel.numpy()
    value[..., ::2] = 0
    kernel.assign(value)
    counts = profile(model)
    assert counts["nonzero_params"] == counts["params"] - value.size // 2


def test_a_shared_layer_has_its_weights_once_and_its_macs_twice():
    inputs = keras.Input((8, 8, 4))
    conv = layers.Conv2D(4, 1)
    model = keras.Model(inputs, conv(conv(inputs)))
    assert profile(model)["params"] == 4 * 4 + 4
    assert profile(model)["macs"] == 2 * 64 * 16


def test_a_weight_that_a_wrapper_shares_counts_once():
    inputs = keras.Input((3, 4))
    dense = layers.Dense(4)
    model = keras.Model(inputs, dense(layers.TimeDistributed(dense)(inputs)))
    assert profile(model)["params"] == model.count_params() == 4 * 4 + 4


def test_a_model_that_cannot_be_taken_apart_is_an_error():
    with pytest.raises(ValueError, match="cannot be taken apart"):
        profile(keras.Sequential([layers.Dense(2)]))


def test_totals_are_plain_ints():
    counts = profile(tiny.depthwise_net())
    assert all(type(value) is int for value in counts.values())
    assert np.isfinite(list(counts.values())).all()
