"""Laws of the pure tensor functions."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.distill.alignment import domain_accuracy
from tfdcu.distill.alignment import domain_loss
from tfdcu.distill.alignment import reverse_gradient
from tfdcu.distill.losses import kl
from tfdcu.distill.losses import mse


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


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0])
def test_reversal_is_identity_forward_and_minus_scale_back(scale):
    x = tf.constant(logits(0))
    upstream = logits(1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = reverse_gradient(x, scale)
        loss = tf.reduce_sum(y * upstream)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_allclose(tape.gradient(loss, x), -scale * upstream)


def test_domain_loss_by_hand():
    labeled = np.array([[0.3], [-1.2]], "float32")
    unlabeled = np.array([[2.0], [-0.5], [0.1]], "float32")

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    expected = 0.5 * (
        -np.log(1 - sigmoid(labeled)).mean() - np.log(sigmoid(unlabeled)).mean()
    )
    received = domain_loss(labeled, unlabeled)
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_a_domain_classifier_at_chance_has_loss_log_2():
    labeled, unlabeled = (
        np.zeros((3, 1), "float32"),
        np.zeros((9, 1), "float32"),
    )
    np.testing.assert_allclose(
        domain_loss(labeled, unlabeled), np.log(2), rtol=1e-6
    )
    assert float(domain_accuracy(labeled, unlabeled)) == 0.5


def test_domain_accuracy_weighs_both_sides_alike():
    labeled = np.array([[-1.0]], "float32")  # right
    unlabeled = np.array([[1.0], [-1.0], [-1.0], [-1.0]], "float32")  # 1/4
    received = float(domain_accuracy(labeled, unlabeled))
    assert received == pytest.approx(0.625)
