"""Packed logits."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.data.top_k import packed
from tfdcu.data.top_k import parts_of
from tfdcu.data.top_k import unpacked

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 4, (50, 30)).astype("float32")
IDS = np.arange(100, 150)


def kept(top_k=None, logits=LOGITS):
    parts = packed(logits, IDS, top_k)
    tensors = {name: tf.constant(values) for name, values in parts.items()}
    return parts, unpacked(tensors, logits.shape[1]).numpy()


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True), dtype="float64")
    return powers / powers.sum(1, keepdims=True)


def test_all_logits_are_restored_as_float16():
    parts, logits = kept()
    np.testing.assert_array_equal(logits, LOGITS.astype("float16"))
    assert list(parts) == ["logits"] and logits.dtype == np.float32


@pytest.mark.parametrize("top_k", [1, 5, 29])
def test_the_largest_logits_and_the_mass_of_the_others_are_restored(top_k):
    parts, logits = kept(top_k)
    order = np.argsort(-LOGITS, 1)
    largest, others = order[:, :top_k], order[:, top_k:]
    np.testing.assert_array_equal(
        np.take_along_axis(logits, largest, 1),
        np.take_along_axis(LOGITS, largest, 1).astype("float16"),
    )
    spread = np.take_along_axis(softmax(logits), others, 1)
    np.testing.assert_allclose(spread, spread[:, :1].repeat(30 - top_k, 1))
    mass = np.take_along_axis(softmax(LOGITS), others, 1).sum(1)
    np.testing.assert_allclose(spread.sum(1), mass, rtol=0.02)
    assert {name: (a.dtype.name, a.shape[1:]) for name, a in parts.items()} == (
        parts_of(30, top_k)
    )


def test_top_k_of_all_classes_but_one():
    """The mass of a single other class is its logit."""
    _, logits = kept(29)
    np.testing.assert_allclose(logits, LOGITS.astype("float16"), atol=1e-6)


def test_more_than_65536_classes():
    assert parts_of(2**16, 5)["classes"][0] == "uint16"
    assert parts_of(2**16 + 1, 5)["classes"][0] == "int32"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 7e4, -7e4])
def test_logits_beyond_float16_are_refused(bad):
    logits = LOGITS.copy()
    logits[7, 3] = bad
    with pytest.raises(ValueError, match=f"{bad} for class 3 of image 107"):
        packed(logits, IDS)
