"""Moves weights so that they make up for the rounding of others."""

import numpy as np

# Share of the mean variance of the inputs by which the weights are held.
_RIDGE = 0.01


def move_kernel(kernel, covariance, step, levels):
    """A kernel that gives nearly its outputs even when it is rounded.

    The weights of a filter are rounded one after another, those of the inputs
    with the largest variance first; the weights that are left move so that the
    variance of the outputs' error is least. Each weight is returned as it was
    before it was rounded: training moves those on that lie near the middle of
    two steps. Weights that are zero stay zero.

    Reference: Frantar et al. 2022, GPTQ, arXiv:2210.17323, section 3; weights
    are taken in the order of their inputs, one at a time.

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
    hold = _RIDGE * variance.mean(axis=1)
    held = covariance + hold[:, None, None] * np.eye(kernel.shape[1])
    # Row i: how the weights after i make up for an error of weight i.
    factor = np.linalg.cholesky(np.linalg.inv(held)).swapaxes(1, 2)
    zero = kernel == 0
    for index in range(kernel.shape[1]):
        end = np.where(zero[:, index], 0.0, levels * step)
        within = np.clip(kernel[:, index], -end, end)
        error = kernel[:, index] - np.round(within / step) * step
        error /= factor[:, index, index, None]
        moved = factor[:, index, index + 1 :, None] * error[:, None]
        kernel[:, index + 1 :] -= moved
        kernel[:, index] = within
    back = np.argsort(order, axis=1)
    return np.take_along_axis(kernel, back[:, :, None], 1)
