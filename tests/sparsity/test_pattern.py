"""Invalid sparsity patterns, and kernels they do not fit, are errors."""

import keras
import pytest

from tests.support import tiny
from tfdcu.sparsity.kernels import choose_kernels
from tfdcu.sparsity.pattern import check_kernels
from tfdcu.sparsity.pattern import check_pattern
from tfdcu.sparsity.pattern import check_trained


@pytest.mark.parametrize(
    "final, block, m_by_n, message",
    [
        (0.5, (1, 0), None, "Invalid value for `block_size`"),
        (0.5, (2,), None, "Invalid value for `block_size`"),
        (0.5, (1, 1), (4, 2), "Invalid value for `m_by_n`.*4, 2"),
        (0.5, (1, 1), (2, 4, 8), "Invalid value for `m_by_n`"),
        (0.5, (1, 1), (0, 4), "Invalid value for `m_by_n`"),
        (0.5, (2, 2), (2, 4), "cannot be combined"),
        (0.8, (1, 1), (2, 4), "Expected: final_sparsity=0.5.*0.8"),
    ],
)
def test_invalid_patterns_are_errors(final, block, m_by_n, message):
    with pytest.raises(ValueError, match=message):
        check_pattern(final, block, m_by_n)


def test_blocks_need_kernels_of_rank_2():
    net = tiny.plain_net()
    chosen = choose_kernels(net)
    with pytest.raises(ValueError, match=r"rank 2 only.*conv1 \(3, 3, 1, 16"):
        check_kernels(chosen, (2, 2), None)
    dense = choose_kernels(net, keras.layers.Dense)
    check_kernels(dense, (2, 2), None)
    check_kernels(chosen, (1, 1), (2, 4))


def test_untrained_kernels_are_errors():
    with pytest.raises(ValueError, match="that model 'plain' trains.*conv1"):
        check_trained(choose_kernels(tiny.plain_net()), tiny.plain_net())
