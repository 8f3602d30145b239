"""The steps in which channels are kept."""

import pytest

from tfdcu.pruning.select import step_of


@pytest.mark.parametrize(
    ("size", "width", "round_to", "step"),
    [
        (32, 1, 8, 8),
        (31, 1, 8, 4),
        (16, 1, 8, 4),
        (8, 1, 8, 2),
        (3, 1, 8, 1),
        (16, 4, 8, 2),
        (64, 1, 1, 1),
    ],
)
def test_small_groups_are_rounded_to_a_quarter(size, width, round_to, step):
    assert step_of(size, width, round_to) == step
