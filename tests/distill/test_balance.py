"""Laws of the weights that balance classes."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.distill.balance import class_weights
from tfdcu.distill.losses import kl
from tfdcu.distill.losses import resolve_mimic

SHARES = [0.5, 0.3, 0.2]


def test_at_one_all_classes_weigh_alike_and_at_zero_all_images():
    weights = class_weights(SHARES, 1.0, 3)
    np.testing.assert_allclose(weights * SHARES, [1 / 3] * 3, rtol=1e-6)
    assert class_weights(SHARES, 0.0, 3) is None
    assert class_weights(None, 0, 3) is None


@pytest.mark.parametrize("power", [0.3, 0.5, 1.0])
def test_the_mean_over_the_pool_is_one_and_the_scale_does_not_matter(power):
    weights = class_weights(SHARES, power, 3)
    assert np.dot(weights, SHARES) == pytest.approx(1)
    ratio = weights[2] / weights[0]
    assert ratio == pytest.approx((0.5 / 0.2) ** power)
    counts = class_weights([50, 30, 20], power, 3)
    np.testing.assert_allclose(counts, weights, rtol=1e-6)


def test_small_shares_are_clipped_at_a_tenth():
    weights = class_weights([0.98, 0.02, 0.0, 0.0], 1.0, 4)
    np.testing.assert_allclose(weights[1:], weights[1])
    # 10 for the scarce ones, 1 / (4 * 0.98) for the first.
    assert weights[1] / weights[0] == pytest.approx(10 * 4 * 0.98)


@pytest.mark.parametrize(
    ("shares", "power", "message"),
    [
        (SHARES, 1.5, "0 <= mimic_balance <= 1. Received: mimic_balance=1.5"),
        (None, 0.5, "3 numbers of at least 0.*class_shares=None"),
        ([0.5, 0.5], 0.5, r"class_shares=\[0.5, 0.5\]"),
        ([0, 0, 0], 0.5, "class_shares"),
        ([1, -1, 1], 0.5, "class_shares"),
        ([1, np.nan, 1], 0.5, "class_shares"),
    ],
)
def test_invalid_shares_are_refused(shares, power, message):
    with pytest.raises(ValueError, match=message):
        class_weights(shares, power, 3)


def test_each_image_weighs_by_the_class_that_its_targets_put_first():
    generator = np.random.default_rng(0)
    targets, logits = generator.normal(0, 2, (2, 8, 3)).astype("float32")
    weights = class_weights(SHARES, 1.0, 3)
    expected = np.mean(
        weights[targets.argmax(1)] * kl(targets, logits, 4.0).numpy()
    )
    balanced = resolve_mimic("kl", 4.0, weights)
    np.testing.assert_allclose(balanced(targets, logits), expected, rtol=1e-5)
    even = resolve_mimic("kl", 4.0, np.ones(3, "float32"))
    plain = resolve_mimic("kl", 4.0)
    np.testing.assert_allclose(
        even(targets, logits), plain(targets, logits), rtol=1e-6
    )


def test_a_function_is_weighted_unless_it_returns_a_scalar():
    weights = class_weights(SHARES, 1.0, 3)
    targets = np.eye(3, dtype="float32")[[0, 0, 2]]
    of_images = resolve_mimic(lambda t, s: tf.ones(3), 1.0, weights)
    expected = weights[[0, 0, 2]].mean()
    np.testing.assert_allclose(of_images(targets, targets), expected, 1e-6)
    of_all = resolve_mimic(lambda t, s: tf.reduce_mean(t), 1.0, weights)
    with pytest.raises(ValueError, match="does not support.*mimic_balance=0"):
        of_all(targets, targets)


def test_a_keras_loss_cannot_be_weighted():
    import keras

    loss = keras.distillation.LogitsDistillation(
        loss=keras.losses.KLDivergence()
    )
    with pytest.raises(ValueError, match="does not support.*Logits"):
        resolve_mimic(loss, None, class_weights(SHARES, 1.0, 3))
