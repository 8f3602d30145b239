"""Laws of the mimic losses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdcu.distill import losses
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
