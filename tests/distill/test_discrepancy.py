"""Laws of the ways to align: what is felt, what is logged, who looks on."""

import numpy as np
import pytest
import tensorflow as tf

from tests.distill.test_distiller import batches
from tests.distill.test_distiller import teacher
from tests.distill.test_distiller import trained
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.distill.alignment import DomainClassifier
from tfdcu.distill.alignment import channel_statistics
from tfdcu.distill.discrepancy import coral
from tfdcu.distill.discrepancy import mmd
from tfdcu.distill.discrepancy import resolve_align

FEATURES = tf.random.stateless_normal((9, 4, 4, 3), (1, 2))
NUM_LABELED = 4
ALONE = {"label_weight": 0.0, "mimic_weight": 0.0, "align_weight": 1.0}


def classifier():
    domain = DomainClassifier(4)
    domain.build(FEATURES.shape)
    return domain


def mean_apart(labeled, unlabeled):
    """A distance of one's own: the squared difference of the means."""
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


@pytest.mark.parametrize(
    ("align", "distance"), [("coral", coral), ("mmd", mmd)]
)
def test_the_loss_is_the_distance_of_the_standardized_statistics(
    align, distance
):
    loss = slopes(align, 0.3, classifier())[0]
    seen = channel_statistics(FEATURES).numpy()
    seen = (seen - seen.mean(0)) / seen.std(0)
    expected = distance(seen[:NUM_LABELED], seen[NUM_LABELED:])
    assert float(loss) == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.parametrize("align", ["coral", "mmd"])
def test_the_scale_of_an_activation_does_not_decide(align):
    domain, way = classifier(), resolve_align(align)
    one, _ = way(domain, FEATURES, NUM_LABELED, 1.0)
    other, _ = way(domain, 50.0 * FEATURES, NUM_LABELED, 1.0)
    assert float(other) == pytest.approx(float(one), rel=1e-2)


def test_a_function_gets_the_features_themselves():
    loss = slopes(mean_apart, 1.0, classifier())[0]
    sides = FEATURES[:NUM_LABELED], FEATURES[NUM_LABELED:]
    assert float(loss) == pytest.approx(float(mean_apart(*sides)), rel=1e-6)


@pytest.mark.parametrize("align", ["coral", "mmd", mean_apart])
def test_the_distance_falls_along_the_gradient_times_the_scale(align):
    domain = classifier()
    one, half = (slopes(align, scale, domain)[2] for scale in (1.0, 0.5))
    np.testing.assert_allclose(half, 0.5 * one, rtol=1e-5, atol=1e-9)
    side = resolve_align(align)
    step = 1e-3 / tf.reduce_max(tf.abs(one))
    before, _ = side(domain, FEATURES, NUM_LABELED, 1.0)
    after, _ = side(domain, FEATURES - step * one, NUM_LABELED, 1.0)
    assert after < before


@pytest.mark.parametrize("align", ["coral", "mmd"])
def test_the_observer_learns_as_an_adversary_does(align):
    domain = classifier()
    _, seen, _, own = slopes(align, 1.0, domain)
    _, accuracy, _, expected = slopes("adversarial", 1.0, domain)
    assert float(seen) == float(accuracy)
    for one, two in zip(own, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-8)


def test_no_gradient_leaves_the_observer():
    def blind(labeled, unlabeled):
        return 0.0 * tf.reduce_sum(labeled)

    down = slopes(blind, 1.0, classifier())[2]
    np.testing.assert_array_equal(down, tf.zeros_like(FEATURES))


@pytest.mark.parametrize("align", ["coral", "mmd", mean_apart])
def test_a_distance_that_is_not_heard_has_no_gradient(align):
    down = slopes(align, 0.0, classifier())[2]
    np.testing.assert_array_equal(down, tf.zeros_like(FEATURES))


def test_a_distance_that_is_not_heard_trains_the_student_of_none():
    without, _ = trained(align_weight=0.0)
    deaf, history = trained(align_weight=0.7, align_schedule=0.0, align="mmd")
    assert history["align"][0] > 0
    tiny.assert_same_weights(tiny.weights(without), tiny.weights(deaf))


def test_alone_it_brings_the_pools_together_and_the_sum_holds():
    options = {**ALONE, "align": "mmd", "align_schedule": 1.0}
    _, history = trained(epochs=30, domain_units=4, **options)
    assert history["align"][-1] < 0.7 * history["align"][0]
    np.testing.assert_allclose(history["loss"], history["align"], rtol=1e-5)
    assert 0 <= history["domain_accuracy"][-1] <= 1


def test_the_domain_classifier_is_as_wide_as_asked():
    model = AlignedDistiller(tiny.plain_net(), teacher(), domain_units=0)
    assert len(model.domains[0].trainable_weights) == 2


def test_half_precision_measures_distances_in_full():
    half = tf.cast(FEATURES, tf.float16)
    loss, _ = resolve_align("mmd")(classifier(), half, NUM_LABELED, 1.0)
    assert loss.dtype == tf.float32


def test_without_labels_there_is_nothing_to_align():
    _, history = trained(data=batches(labeled=None), epochs=1, align="coral")
    assert history["align"] == [0.0]
    assert history["domain_accuracy"] == [0.5]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="'coral', 'mmd'.*align='wasserstein'"):
        resolve_align("wasserstein")
