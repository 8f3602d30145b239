"""Laws of recomputed statistics of BatchNormalization."""

import numpy as np

from tests.support import tiny
from tfdcu.pruning import prune_channels
from tfdcu.pruning import reestimate_statistics


def first_inputs(model, images):
    """What the first BatchNormalization gets of the images."""
    return np.asarray(model.get_layer("conv1")(images))


def test_the_statistics_are_those_of_the_images():
    model = prune_channels(tiny.plain_net(), macs=0.5, importance="l1")
    before = tiny.weights(model)
    images = tiny.images(64, seed=3)
    assert reestimate_statistics(model, images) == 1
    norm, seen = model.get_layer("bn1"), first_inputs(model, images)
    np.testing.assert_allclose(
        norm.moving_mean, seen.mean((0, 1, 2)), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        norm.moving_variance, seen.var((0, 1, 2)), rtol=1e-3
    )
    # Nothing else changes.
    assert norm.momentum == tiny.plain_net().get_layer("bn1").momentum
    for path, value in tiny.weights(model).items():
        if "moving" not in path:
            np.testing.assert_array_equal(value, before[path])


def test_every_batch_weighs_alike():
    model = tiny.plain_net(width=8)
    parts = [scale * tiny.images(8, seed=scale) for scale in (1, 2, 4, 8)]
    assert reestimate_statistics(model, np.concatenate(parts), size=8) == 4
    means = [first_inputs(model, part).mean((0, 1, 2)) for part in parts]
    received = model.get_layer("bn1").moving_mean
    np.testing.assert_allclose(
        received, np.mean(means, axis=0), rtol=1e-4, atol=1e-5
    )
