"""Laws of the ranges of kernels: on the grid, and no worse than the largest."""

import numpy as np
import pytest

from tfdcu.quantization.kernel_ranges import best_ranges
from tfdcu.quantization.kernel_ranges import rounded


def test_values_by_hand():
    kernel = np.array([[7.0], [-3.4], [0.6], [9.0]])
    expected = [[7.0], [-3.0], [1.0], [7.0]]
    np.testing.assert_allclose(rounded(kernel, np.array([7.0]), 4), expected)


@pytest.mark.parametrize("bits", [4, 8])
def test_no_range_is_worse_than_that_of_the_largest_weight(bits):
    kernel = np.random.default_rng(0).standard_t(3, (50, 20))
    largest = np.abs(kernel).max(axis=0)
    ends = best_ranges(kernel, bits)

    def error(ends):
        return np.square(rounded(kernel, ends, bits) - kernel).sum(axis=0)

    assert (ends <= largest * 1.0001).all() and (ends > 0).all()
    assert (error(ends) <= error(largest) * 1.0001).all()
    if bits == 4:
        assert error(ends).sum() < 0.95 * error(largest).sum()


def test_a_channel_of_zeros_has_a_range():
    assert (best_ranges(np.zeros((3, 2)), 4) > 0).all()
