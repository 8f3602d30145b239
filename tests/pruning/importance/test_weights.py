"""Weight criteria against scores computed by hand."""

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
    ],
)
def test_criteria_by_hand(importance, by_hand):
    model = tiny.plain_net(norm=False)
    kernel = model.get_layer("conv1").kernel.numpy()
    worth = by_hand(kernel.reshape(-1, 16).T.astype("float64"))
    scores = scores_of_16(model, importance)
    np.testing.assert_allclose(scores, worth / worth.mean(), rtol=1e-4)


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


def test_reconstruction_errors_are_relative():
    model, images = tiny.plain_net(), tiny.images(32)

    def scores():
        return scores_of_16(model, "reconstruction", images)

    before = scores()
    consumer = model.get_layer("conv2").kernel
    consumer.assign(100 * consumer)
    np.testing.assert_allclose(scores(), before, rtol=1e-3)
