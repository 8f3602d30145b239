"""Laws of BatchNormalization on two pools."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.distill.batchnorm import BATCHNORMS
from tfdcu.distill.batchnorm import default_batchnorm
from tfdcu.training.moving_average import norms_of
from tfdcu.training.train import default_optimizer

LABELED = tiny.images(6, seed=1)
POOL = 0.3 * tiny.images(10, seed=2)
BOTH = np.concatenate([LABELED, POOL])


def net():
    model = tiny.plain_net()
    return keras.Model(model.input, {"logits": model.output})


def moving(model):
    """The moving averages."""
    return {
        v.path: v.numpy().copy() for v in model.variables if "moving" in v.path
    }


def assert_close(first, second):
    for path, value in first.items():
        np.testing.assert_allclose(value, second[path], rtol=1e-5, atol=1e-6)


def test_joint_is_one_pass_over_both():
    expected, received = net(), net()
    expected(BOTH, training=True)
    BATCHNORMS["joint"](received, BOTH, 6)
    assert_close(moving(expected), moving(received))


def test_split_is_the_labeled_pass_and_then_the_pools():
    expected, received = net(), net()
    logits = [
        expected(LABELED, training=True)["logits"],
        expected(POOL, training=True)["logits"],
    ]
    output = BATCHNORMS["split"](received, BOTH, 6)["logits"]
    np.testing.assert_allclose(output, np.concatenate(logits), atol=1e-5)
    assert_close(moving(expected), moving(received))


def test_labeled_only_updates_averages_by_the_labeled_pass():
    expected, received = net(), net()
    expected(LABELED, training=True)
    output = BATCHNORMS["labeled_only"](received, BOTH, 6)["logits"]
    assert_close(moving(expected), moving(received))
    split = BATCHNORMS["split"](net(), BOTH, 6)["logits"]
    np.testing.assert_allclose(output, split, atol=1e-5)


def test_frozen_is_inference_whose_scales_can_still_be_learned():
    expected, received = net(), net()
    before = moving(received)
    with tf.GradientTape() as tape:
        output = BATCHNORMS["frozen"](received, BOTH, 6)["logits"]
    np.testing.assert_allclose(
        output, expected(BOTH, training=False)["logits"], atol=1e-5
    )
    assert_close(before, moving(received))
    norm = received.get_layer("bn1")
    assert not norm.moving_mean.trainable
    assert all(
        np.abs(g).max() > 0
        for g in tape.gradient(output, [norm.gamma.value, norm.beta.value])
    )


@pytest.mark.parametrize("name", sorted(set(BATCHNORMS) - {"frozen"}))
def test_without_labels_all_training_modes_are_equal(name):
    expected = net()(POOL, training=True)["logits"]
    received = BATCHNORMS[name](net(), POOL, None)["logits"]
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_the_default_keeps_the_moving_averages_of_a_trained_student():
    student = tiny.plain_net()
    for norm in norms_of(student):
        norm.moving_mean.assign(0.0 * norm.moving_mean)
        norm.moving_variance.assign(0.0 * norm.moving_variance + 1.0)
    assert default_batchnorm(student) == "joint"
    assert default_optimizer(student) == "sgd"
    norm.moving_variance.assign(2.0 * norm.moving_variance)
    assert default_batchnorm(student) == "frozen"
    assert default_optimizer(student) == "adam"
    model = AlignedDistiller(student, tiny.plain_net(seed=1))
    assert model.forward is BATCHNORMS["frozen"]
