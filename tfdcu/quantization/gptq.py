"""Moves weights so that they make up for the rounding of others."""

import numpy as np

# Share of the mean variance of the inputs by which the weights are held.
_RIDGE = 0.01
# Weights after which those that are left move at once.
_BLOCK = 128


def move_kernel(kernel, covariance, step, levels):
    """A kernel that gives nearly its outputs even when it is rounded.

    The weights of a filter are rounded one after another, those of the inputs
    with the largest variance first; the weights that are left move so that the
    variance of the outputs' error is least. Each weight is returned as it was
    before it was rounded: training moves those on that lie near the middle of
    two steps. Weights that are zero stay zero.

    Reference: Frantar et al. 2022, GPTQ, arXiv:2210.17323, section 3.

    Args:
        kernel: Float array (groups, weights, filters).
        covariance: Float array (groups, weights, weights), of the inputs;
            positive definite.
        step: Float array (groups, filters), distance of two steps.
        levels: Int, number of steps on each side of zero.

    Returns:
        Float64 array like `kernel`, within the grid.
    """
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    order = np.argsort(-variance, axis=1, kind="stable")
    kernel = np.take_along_axis(kernel, order[:, :, None], 1).astype("float64")
    covariance = np.take_along_axis(covariance, order[:, :, None], 1)
    covariance = np.take_along_axis(covariance, order[:, None, :], 2)
    # Row i: how the weights after i make up for an error of weight i.
    factor = _factor(covariance, _RIDGE * variance.mean(axis=1))
    end = np.where(kernel == 0, 0.0, levels * step[:, None])
    for start in range(0, kernel.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        errors = _round_block(
            kernel[:, block], factor[:, block, block], end[:, block], step
        )
        rest = factor[:, block, start + _BLOCK :].swapaxes(1, 2)
        kernel[:, start + _BLOCK :] -= rest @ errors
    back = np.argsort(order, axis=1)
    return np.take_along_axis(kernel, back[:, :, None], 1)


def _factor(covariance, hold):
    """The upper factor of the inverse; held more where rounding spoils it."""
    diagonal = np.eye(covariance.shape[-1])
    while True:
        held = covariance + hold[:, None, None] * diagonal
        try:
            return np.linalg.cholesky(np.linalg.inv(held)).swapaxes(1, 2)
        except np.linalg.LinAlgError:
            hold = 10 * hold


def _round_block(kernel, factor, end, step):
    """Moves some weights of all filters in place; returns what they missed."""
    errors = np.empty_like(kernel)
    for index in range(kernel.shape[1]):
        within = np.clip(kernel[:, index], -end[:, index], end[:, index])
        error = kernel[:, index] - np.round(within / step) * step
        errors[:, index] = error / factor[:, index, index, None]
        kernel[:, index] = within
        row = factor[:, index, index + 1 :, None]
        kernel[:, index + 1 :] -= row * errors[:, index, None]
    return errors
