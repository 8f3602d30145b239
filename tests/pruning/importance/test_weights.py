"""Criteria by hand: what a channel is worth."""

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.scores import score_groups


def scores_of_16(model, importance, images=None):
    """Scores of the only group of sixteen channels."""
    groups = Groups(model)
    chosen = [group for group in groups.all if group.size == 16]
    (scores,) = score_groups(groups, chosen, importance, images)
    return scores


@pytest.mark.parametrize(
    ("importance", "by_hand"),
    [
        ("l1", lambda rows: abs(rows).sum(1)),
        ("l2", lambda rows: np.sqrt((rows**2).sum(1))),
        (
            "fpgm",
            lambda rows: np.sqrt(
                ((rows[:, None] - rows[None]) ** 2).sum(-1)
            ).sum(1),
        ),
    ],
)
def test_criteria_by_hand(importance, by_hand):
    model = tiny.plain_net(norm=False)
    kernel = model.get_layer("conv1").kernel.numpy()
    worth = by_hand(kernel.reshape(-1, 16).T.astype("float64"))
    scores = scores_of_16(model, importance)
    np.testing.assert_allclose(scores, worth / worth.mean(), rtol=1e-4)


def test_lamp_divides_by_what_is_as_large():
    model = tiny.plain_net(norm=False)
    kernel = model.get_layer("conv1").kernel.numpy().reshape(-1, 16)
    squares = (kernel.astype("float64") ** 2).sum(0)
    expected = [one / squares[squares >= one].sum() for one in squares]
    scores = scores_of_16(model, "lamp")
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert scores.max() == pytest.approx(1)


def test_the_sign_of_a_normalization_does_not_matter():
    model = tiny.plain_net()
    norm = model.get_layer("bn1")
    gamma = np.linspace(-2, 1, 16).astype("float32")
    norm.set_weights([gamma, *norm.get_weights()[1:]])
    scores = scores_of_16(model, "bn_scale")
    expected = abs(gamma) / abs(gamma).mean()
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


@pytest.mark.parametrize("importance", ["l1", "l2"])
def test_no_kernel_of_a_group_outweighs_the_others(importance):
    model = tiny.residual_net()

    def scores():
        groups = Groups(model)
        group = max(groups.all, key=lambda group: len(group.members))
        return score_groups(groups, [group], importance)[0]

    before = scores()
    stem = model.get_layer("stem").kernel
    stem.assign(100 * stem)
    np.testing.assert_allclose(scores(), before, rtol=1e-4)


def test_reconstruction_errors_are_shares_of_what_is_received():
    model, images = tiny.plain_net(), tiny.images(32)

    def scores():
        return scores_of_16(model, "reconstruction", images)

    before = scores()
    consumer = model.get_layer("conv2").kernel
    consumer.assign(100 * consumer)
    np.testing.assert_allclose(scores(), before, rtol=1e-3)
