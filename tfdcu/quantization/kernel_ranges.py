"""Ranges of kernels: which largest weight is worth its coarser steps."""

import numpy as np

# Shares of a channel's largest weight that may end its range.
_SHARES = np.linspace(1.0, 0.3, 71)


def best_ranges(kernel, bits):
    """The end of each channel's range with the least squared error.

    A range that leaves out the largest weights has smaller steps for all
    others. With 8 bits it is hardly worth it, with 4 bits it is.

    Args:
        kernel: Float array (weights, channels).
        bits: 8 or 4: 127 or 7 steps on each side of zero.

    Returns:
        Float32 array (channels,), above 0.
    """
    largest = np.abs(kernel).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)  # (channels,)
    errors = [
        np.square(rounded(kernel, share * largest, bits) - kernel).sum(axis=0)
        for share in _SHARES
    ]
    best = _SHARES[np.argmin(errors, axis=0)]
    return (best * largest).astype("float32")


def rounded(kernel, ends, bits):
    """The kernel on grids that end there.

    Args:
        kernel: Float array (..., weights, channels).
        ends: Float array (channels,), or one that fits, above 0.
        bits: 8 or 4.

    Returns:
        Float array like `kernel`.
    """
    levels = num_levels(bits)
    step = ends / levels
    return np.clip(np.round(kernel / step), -levels, levels) * step


def num_levels(bits):
    """Steps on each side of zero: 7 with 4 bits, 127 with 8."""
    return 2 ** (bits - 1) - 1
