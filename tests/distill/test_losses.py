"""The label term and the mimic term, by hand and against Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.distill import losses
from tfdcu.distill.losses import kl
from tfdcu.distill.losses import label_term
from tfdcu.distill.losses import mse
from tfdcu.distill.losses import resolve_label
from tfdcu.distill.losses import resolve_mimic

TARGETS = np.random.default_rng(0).normal(0, 3, (6, 5)).astype("float32")
LOGITS = np.random.default_rng(1).normal(0, 3, (6, 5)).astype("float32")


@pytest.mark.parametrize("name", ["kl", "mse"])
def test_a_name_is_the_mean_over_images(name):
    received = resolve_mimic(name, 4.0)(TARGETS, LOGITS)
    expected = np.mean(getattr(losses, name)(TARGETS, LOGITS, 4.0))
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_the_keras_divergence_agrees():
    loss = keras.distillation.LogitsDistillation(
        temperature=4.0, loss=keras.losses.KLDivergence()
    )
    np.testing.assert_allclose(
        resolve_mimic(loss, None)(TARGETS, LOGITS),
        resolve_mimic("kl", 4.0)(TARGETS, LOGITS),
        rtol=1e-3,
    )


def test_keras_default_is_refused_because_it_skips_softmax():
    with pytest.raises(ValueError, match="losses.KLDivergence"):
        resolve_mimic(keras.distillation.LogitsDistillation(), None)


def test_feature_losses_with_layer_names_are_refused():
    loss = keras.distillation.FeatureDistillation(
        teacher_layer_name="a", student_layer_name="b"
    )
    with pytest.raises(ValueError, match="cannot mimic logits"):
        resolve_mimic(loss, None)


def test_a_function_is_averaged():
    mimic = resolve_mimic(lambda t, s: tf.reduce_sum(abs(t - s), -1), None)
    expected = np.abs(TARGETS - LOGITS).sum(axis=-1).mean()
    np.testing.assert_allclose(mimic(TARGETS, LOGITS), expected, rtol=1e-6)


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match="'kl', 'mse'.*mimic='kd'"):
        resolve_mimic("kd", 1.0)


def softmax(x):
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def logits(seed, shape=(5, 7), scale=3.0):
    return np.random.default_rng(seed).normal(0, scale, shape).astype("float32")


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kl_is_the_textbook_sum(temperature):
    targets, student = logits(0), logits(1)
    p, q = softmax(targets / temperature), softmax(student / temperature)
    expected = temperature**2 * (p * np.log(p / q)).sum(axis=-1)
    received = kl(targets, student, temperature)
    np.testing.assert_allclose(received, expected, rtol=1e-4)


def test_kl_ignores_a_constant_added_to_the_logits():
    targets, student = logits(0), logits(1)
    np.testing.assert_allclose(
        kl(targets + 5.0, student - 3.0, 4.0),
        kl(targets, student, 4.0),
        rtol=1e-3,
        atol=1e-5,
    )


def test_kl_of_a_hot_temperature_is_half_the_centered_square():
    """T^2 KL -> sum of squared centered differences / (2 classes)."""
    targets, student = logits(0), logits(1)
    difference = targets - student
    difference = difference - difference.mean(axis=-1, keepdims=True)
    expected = (difference**2).sum(axis=-1) / (2 * targets.shape[-1])
    received = kl(targets, student, 1000.0)
    np.testing.assert_allclose(received, expected, rtol=0.02)


def test_kl_of_certain_logits_stays_finite():
    certain = np.array([[200.0, -200.0]], "float32")
    assert np.isfinite(kl(certain, -certain, 1.0)).all()


def test_mse_by_hand():
    received = mse(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
    np.testing.assert_allclose(received, [2.5])


LABELS = tiny.labels(6)
OUTPUTS = np.random.default_rng(0).normal(0, 3, (6, 4)).astype("float32")


def by_hand():
    rows = OUTPUTS - np.log(np.exp(OUTPUTS).sum(-1, keepdims=True))
    return -rows[np.arange(6), LABELS]


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_it_is_the_mean_over_images(reduction):
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=reduction
    )
    value = label_term(resolve_label(loss), LABELS, OUTPUTS)
    np.testing.assert_allclose(value, by_hand().mean(), rtol=1e-5)


def test_images_may_weigh_and_may_be_absent():
    weight = np.array([0, 1, 2, 0, 1, 2], "float32")
    value = label_term(resolve_label(), LABELS, OUTPUTS, weight)
    np.testing.assert_allclose(value, (by_hand() * weight).mean(), rtol=1e-5)
    rows = label_term(resolve_label(), LABELS, OUTPUTS, weight[:, None])
    np.testing.assert_array_equal(rows, value)
    assert label_term(resolve_label(), None, OUTPUTS[:0]) == 0.0


def test_several_weights_an_image_are_refused():
    with pytest.raises(
        ValueError, match=r"one weight per image.*Received: shape \(6, 4"
    ):
        label_term(resolve_label(), LABELS, OUTPUTS, OUTPUTS)


@pytest.mark.parametrize(
    "loss", ["mse", keras.losses.CategoricalCrossentropy()]
)
def test_losses_on_probabilities_are_refused(loss):
    with pytest.raises(ValueError, match="Expected: an instance.*Received"):
        resolve_label(loss)
