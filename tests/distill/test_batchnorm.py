"""Laws of BatchNormalization while a student is trained."""

import numpy as np
import pytest

from tests.distill.test_distiller import batches
from tests.distill.test_distiller import trained
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.training.moving_average import momentum_at
from tfdcu.training.moving_average import norms_of
from tfdcu.training.train import default_optimizer


def moving(model):
    """The moving averages."""
    weights = tiny.weights(model)
    return {path: value for path, value in weights.items() if "moving" in path}


def scales(model):
    """The weights of BatchNormalization that are learned."""
    return [w.numpy() for n in norms_of(model) for w in (n.gamma, n.beta)]


def test_frozen_averages_stay_and_the_scales_are_learned():
    before = tiny.plain_net()
    student, _ = trained(freeze_batchnorm=True)
    tiny.assert_same_weights(moving(before), moving(student))
    for old, new in zip(scales(before), scales(student)):
        assert not np.array_equal(old, new)


@pytest.mark.parametrize("labeled", [True, False])
def test_otherwise_they_follow_both_pools_together(labeled):
    data = batches() if labeled else batches(None)
    student, _ = trained(
        data=data.take(1),
        epochs=1,
        freeze_batchnorm=False,
        **{f"{term}_weight": 0.0 for term in ("label", "mimic", "align")},
    )
    batch = next(iter(data))
    images = [batch[0][0], batch[1]] if labeled else [batch[0]]
    expected = tiny.plain_net()
    for norm in norms_of(expected):
        norm.momentum = float(momentum_at(norm.momentum, 0.0))
    expected(np.concatenate(images), training=True)
    for path, value in moving(expected).items():
        np.testing.assert_allclose(
            moving(student)[path], value, rtol=1e-4, atol=1e-5
        )


def test_the_default_keeps_the_moving_averages_of_a_trained_student():
    student = tiny.plain_net()
    for norm in norms_of(student):
        norm.moving_mean.assign(0.0 * norm.moving_mean)
        norm.moving_variance.assign(0.0 * norm.moving_variance + 1.0)
    teacher = tiny.plain_net(seed=1)
    assert not AlignedDistiller(student, teacher).freeze_batchnorm
    assert default_optimizer(student) == "sgd"
    norm.moving_variance.assign(2.0 * norm.moving_variance)
    assert AlignedDistiller(student, teacher).freeze_batchnorm
    assert default_optimizer(student) == "adam"
