"""Patterns of zeros that do not exist, or do not suit, are refused."""

import keras
import pytest

from tests.support import tiny
from tfdcu.sparsity.kernels import choose_kernels
from tfdcu.sparsity.pattern import check_kernels
from tfdcu.sparsity.pattern import check_pattern


@pytest.mark.parametrize(
    "final, block, pooling, m_by_n, message",
    [
        (0.5, (1, 0), "AVG", None, "block_size is not a block"),
        (0.5, (2,), "AVG", None, "block_size is not a block"),
        (0.5, (2, 2), "MIN", None, "'AVG' or 'MAX'.*MIN"),
        (0.5, (1, 1), "AVG", (4, 2), "m_by_n is not a pattern.*4, 2"),
        (0.5, (1, 1), "AVG", (2, 4, 8), "m_by_n is not a pattern"),
        (0.5, (1, 1), "AVG", (0, 4), "m_by_n is not a pattern"),
        (0.5, (2, 2), "AVG", (2, 4), "exclude each other"),
        (0.8, (1, 1), "AVG", (2, 4), "Expected final_sparsity=0.5.*0.8"),
    ],
)
def test_no_such_pattern(final, block, pooling, m_by_n, message):
    with pytest.raises(ValueError, match=message):
        check_pattern(final, block, pooling, m_by_n)


def test_blocks_want_matrices():
    net = tiny.plain_net()
    chosen = choose_kernels(net)
    with pytest.raises(ValueError, match=r"rank 2 only.*conv1 \(3, 3, 1, 16"):
        check_kernels(chosen, net, (2, 2), None)
    dense = choose_kernels(net, keras.layers.Dense)
    check_kernels(dense, net, (2, 2), None)
    check_kernels(chosen, net, (1, 1), (2, 4))


def test_kernels_that_fit_does_not_train_are_refused():
    with pytest.raises(ValueError, match="that model 'plain' trains.*conv1"):
        check_kernels(
            choose_kernels(tiny.plain_net()), tiny.plain_net(), (1, 1), None
        )
