"""Latency of untrained models."""

import math

import keras
import numpy as np
import pytest

import tfdcu
from tests.support import tiny
from tfdcu.export import litert_latency


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_a_model_is_timed_and_not_changed(quantization):
    model = tiny.plain_net()
    before = [np.array(w) for w in model.get_weights()]
    milliseconds = litert_latency(model, quantization, runs=3)
    assert 0 < milliseconds < math.inf
    for one, two in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_a_model_of_any_size_is_refused():
    images = keras.Input((None, None, 1))
    model = keras.Model(images, keras.layers.GlobalMaxPooling2D()(images))
    with pytest.raises(ValueError, match="fixed size.*None"):
        tfdcu.litert_latency(model)


def test_more_arithmetic_takes_more_time():
    narrow, wide = tiny.plain_net(width=8), tiny.plain_net(width=128)
    assert litert_latency(wide, runs=50) > 2 * litert_latency(narrow, runs=50)


def test_it_measures_a_latency_budget():
    model = tiny.plain_net(width=64)
    smaller = tfdcu.prune_channels(model, latency=0.5, measure=litert_latency)
    assert litert_latency(smaller) < 0.8 * litert_latency(model)
