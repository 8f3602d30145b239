"""Laws of the align loss: gradients, logs and the domain classifier."""

import numpy as np
import pytest
import tensorflow as tf

from tests.distill.test_distiller import at_strength
from tests.distill.test_distiller import batches
from tests.distill.test_distiller import trained
from tests.support import tiny
from tfdcu.distill.align_loss import resolve_align
from tfdcu.distill.alignment import DomainClassifier

FEATURES = tf.random.stateless_normal((9, 4, 4, 3), (1, 2))
NUM_LABELED = 4
ALONE = {"label_weight": 0.0, "mimic_weight": 0.0, "align_weight": 1.0}


def classifier():
    domain = DomainClassifier()
    domain.build(FEATURES.shape)
    return domain


def mean_apart(labeled, unlabeled):
    """A user's function: the squared difference of the means."""
    return tf.square(tf.reduce_mean(labeled) - tf.reduce_mean(unlabeled))


def slopes(align, scale, domain):
    """(loss, accuracy, gradient of the features, of the classifier)."""
    weights = [variable.value for variable in domain.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(FEATURES)
        loss, accuracy = resolve_align(align)(
            domain, FEATURES, NUM_LABELED, scale
        )
    down, own = tape.gradient(loss, (FEATURES, weights))
    return loss, accuracy, down, own


def test_a_function_gets_the_features_themselves():
    loss = slopes(mean_apart, 1.0, classifier())[0]
    sides = FEATURES[:NUM_LABELED], FEATURES[NUM_LABELED:]
    assert float(loss) == pytest.approx(float(mean_apart(*sides)), rel=1e-6)


def test_the_distance_falls_along_the_gradient_times_the_scale():
    domain = classifier()
    one, half = (slopes(mean_apart, scale, domain)[2] for scale in (1.0, 0.5))
    np.testing.assert_allclose(half, 0.5 * one, rtol=1e-5, atol=1e-9)
    side = resolve_align(mean_apart)
    step = 1e-3 / tf.reduce_max(tf.abs(one))
    before, _ = side(domain, FEATURES, NUM_LABELED, 1.0)
    after, _ = side(domain, FEATURES - step * one, NUM_LABELED, 1.0)
    assert after < before


def test_the_classifier_is_trained_as_with_adversarial():
    domain = classifier()
    _, seen, _, own = slopes(mean_apart, 1.0, domain)
    _, accuracy, _, expected = slopes("adversarial", 1.0, domain)
    assert float(seen) == float(accuracy)
    for one, two in zip(own, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-8)


def test_the_classifier_passes_no_gradient_to_the_student():
    def blind(labeled, unlabeled):
        return 0.0 * tf.reduce_sum(labeled)

    down = slopes(blind, 1.0, classifier())[2]
    np.testing.assert_array_equal(down, tf.zeros_like(FEATURES))


def test_at_scale_zero_a_distance_has_no_gradient():
    down = slopes(mean_apart, 0.0, classifier())[2]
    np.testing.assert_array_equal(down, tf.zeros_like(FEATURES))


def test_at_scale_zero_a_distance_does_not_change_the_student(monkeypatch):
    without, _ = trained(align_weight=0.0)
    at_strength(monkeypatch, 0.0)
    deaf, history = trained(align_weight=0.7, align=mean_apart)
    assert history["align"][0] > 0
    tiny.assert_same_weights(tiny.weights(without), tiny.weights(deaf))


def test_a_distance_alone_brings_the_pools_together():
    options = {**ALONE, "align": mean_apart}
    _, history = trained(epochs=30, **options)
    assert history["align"][-1] < 0.7 * history["align"][0]
    np.testing.assert_allclose(history["loss"], history["align"], rtol=1e-5)
    assert 0 <= history["domain_accuracy"][-1] <= 1


def test_half_precision_measures_distances_in_full():
    half = tf.cast(FEATURES, tf.float16)
    loss, _ = resolve_align(mean_apart)(classifier(), half, NUM_LABELED, 1.0)
    assert loss.dtype == tf.float32


def test_without_labels_there_is_nothing_to_align():
    _, history = trained(data=batches(labeled=None), epochs=1, align=mean_apart)
    assert history["align"] == [0.0]
    assert history["domain_accuracy"] == [0.5]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="'adversarial' or.*align='mmd'"):
        resolve_align("mmd")
