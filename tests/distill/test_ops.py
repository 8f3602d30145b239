"""Laws of the pure tensor functions."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.distill.alignment import domain_accuracy
from tfdcu.distill.alignment import domain_loss
from tfdcu.distill.alignment import reverse_gradient
from tfdcu.distill.discrepancy import coral
from tfdcu.distill.discrepancy import mmd
from tfdcu.distill.losses import kl
from tfdcu.distill.losses import mse
from tfdcu.distill.losses import normalized_mse


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


def test_normalized_mse_is_deaf_to_scale_and_shift():
    targets, student = logits(0), logits(1)
    np.testing.assert_allclose(
        normalized_mse(7.0 * targets + 1.0, student),
        normalized_mse(targets, student),
        rtol=1e-4,
    )
    opposite = normalized_mse(targets, -targets)
    np.testing.assert_allclose(opposite, np.full(5, 4.0), rtol=1e-4)


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


def test_a_blind_domain_classifier_scores_log_2_and_one_half():
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


def features(seed, num=6, width=3):
    generator = np.random.default_rng(seed)
    return generator.normal(seed, 1 + seed, (num, width)).astype("float32")


def test_coral_is_the_covariances_apart_by_hand():
    labeled, unlabeled = features(0), features(1, num=9)
    difference = np.cov(labeled.T) - np.cov(unlabeled.T)
    expected = (difference**2).sum() / (4 * 3**2)
    received = coral(labeled, unlabeled)
    np.testing.assert_allclose(received, expected, rtol=1e-4)


def test_coral_is_deaf_to_a_shift_and_grows_with_the_fourth_power():
    labeled, unlabeled = features(0), features(1)
    before = coral(labeled, unlabeled)
    shifted = coral(labeled + 3.0, unlabeled - 1.0)
    np.testing.assert_allclose(shifted, before, rtol=1e-3)
    doubled = coral(2.0 * labeled, 2.0 * unlabeled)
    np.testing.assert_allclose(doubled, 16.0 * before, rtol=1e-4)


def mmd_by_hand(labeled, unlabeled, scales):
    both = np.concatenate([labeled, unlabeled]).astype("float64")
    distances = ((both[:, None] - both[None]) ** 2).sum(-1)
    upper = np.sort(distances[np.triu_indices(len(both), 1)])
    median = upper[len(upper) // 2]
    n = len(labeled)
    total = 0.0
    for scale in scales:
        k = np.exp(-distances / (scale * median))
        total += k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()
    return total / len(scales)


@pytest.mark.parametrize("scales", [(1.0,), (0.25, 0.5, 1.0, 2.0, 4.0)])
def test_mmd_by_hand(scales):
    labeled, unlabeled = features(0), features(1, num=9)
    expected = mmd_by_hand(labeled, unlabeled, scales)
    received = mmd(labeled, unlabeled, scales=scales)
    np.testing.assert_allclose(received, expected, rtol=1e-4)


def test_mmd_hears_a_shift_and_is_deaf_to_a_common_factor():
    labeled, unlabeled = features(0), features(1)
    before = mmd(labeled, unlabeled)
    scaled = mmd(100.0 * labeled + 7.0, 100.0 * unlabeled + 7.0)
    np.testing.assert_allclose(scaled, before, rtol=1e-3)
    assert mmd(labeled + 9.0, labeled) > before > 0


@pytest.mark.parametrize("distance", [coral, mmd])
def test_the_same_features_are_no_distance_apart(distance):
    rows = tf.constant(features(0))
    assert float(distance(rows, rows[::-1])) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("distance", [coral, mmd])
@pytest.mark.parametrize("jit", [False, True])
def test_a_step_down_the_gradient_brings_the_pools_together(distance, jit):
    labeled, unlabeled = features(0), tf.constant(features(1, num=9))

    @tf.function(jit_compile=jit)
    def slope(rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            value = distance(labeled, rows)
        return value, tape.gradient(value, rows)

    before, gradient = slope(unlabeled)
    step = 1e-3 / tf.reduce_max(tf.abs(gradient))
    after, _ = slope(unlabeled - step * gradient)
    assert after < before


@pytest.mark.parametrize("distance", [coral, mmd])
@pytest.mark.parametrize(
    ("labeled", "unlabeled"),
    [
        (features(0, num=1), features(1, num=1)),
        (np.ones((4, 3), "float32"), np.ones((5, 3), "float32")),
    ],
)
def test_one_image_and_equal_images_leave_numbers_finite(
    distance, labeled, unlabeled
):
    rows = tf.constant(unlabeled)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = distance(labeled, rows)
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, rows)).all()
