"""Laws of which kernels have 8 bits and which 4: values by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.quantization import quantize_aware
from tfdcu.quantization.bits import divergence

LOGITS = np.random.default_rng(0).normal(size=(9, 3))


def test_divergence_of_classes_does_not_see_a_constant():
    for kind in ("classes", None):
        assert divergence(LOGITS, LOGITS + 5, kind) == pytest.approx(
            0, abs=1e-12
        )
    before, after = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert divergence(before, after, "classes") == pytest.approx(expected)


def test_divergence_of_labels_is_that_of_each_yes_and_no():
    before, after = np.array([[0.0, 1.0]]), np.array([[np.log(3), 1.0]])
    # From 1/2 to 3/4 of one of two labels.
    expected = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    found = divergence(before, after, "labels")
    assert found == pytest.approx(expected / 2)
    alone = divergence(before[:, :1], after[:, :1], None)
    assert alone == pytest.approx(expected)


def test_divergence_of_values_is_a_share():
    assert divergence(LOGITS, 1.5 * LOGITS, "values") == pytest.approx(0.25)


def test_a_mean_over_several_outputs():
    net = tiny.plain_net(width=32)
    tags = layers.Dense(2, activation="sigmoid", name="tags")
    kind = layers.Softmax()(net.output)
    both = {"kind": kind, "tags": tags(net.get_layer("pool").output)}
    model = keras.Model(net.input, both)
    small = quantize_aware(model, images=tiny.images(32), weight_bits=5)
    kernels = [x for x in small.layers if hasattr(x, "weight_bits")]
    sizes = [int(np.prod(layer.kernel.shape)) for layer in kernels]
    bits = [layer.weight_bits for layer in kernels]
    assert {*bits} == {4, 8}
    assert np.average(bits, weights=sizes) <= 5
    assert set(small.output) == {"kind", "tags"}
