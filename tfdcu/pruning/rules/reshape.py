"""Labels of a reshaped tensor."""

import numpy as np


def permute(values, order):
    """List of the values in another order."""
    return [values[index] for index in order]


def reshape(step, axes, shape, new_shape):
    """Labels after a reshape, which does not change the order of elements.

    Unchanged axes pass their labels through. If axes merge, the labels of the
    one with most channels are repeated along the merged axis, and channels on
    the others are kept. If an axis splits, one new axis gets the labels: one
    that needs no ties if there is any, else the longest.

    Args:
        step: The `Step`.
        axes: Labels of the input, without the batch if that stays first.
        shape: Shape of the input, without the batch if `axes` is.
        new_shape: Shape of the output, without the batch if `axes` is.

    Returns:
        List of labels of the output.
    """
    result = [None] * len(new_shape)
    for before, after in _segments(tuple(shape), tuple(new_shape)):
        if len(before) == len(after) == 1:
            result[after[0]] = axes[before[0]]
            continue
        labeled = [dim for dim in before if axes[dim] is not None]
        if not labeled:
            continue
        sizes = [shape[dim] for dim in before] + [
            new_shape[dim] for dim in after
        ]
        if None in sizes or not after:
            for dim in labeled:
                step.fix(axes[dim])
            continue
        spread = _merge(step, axes, shape, before, labeled)
        place, labels = _split(step, spread, [new_shape[dim] for dim in after])
        result[after[place]] = labels
    return result


def _segments(shape, new_shape):
    """Pairs of axis ranges (input, output) with as many elements."""
    left = _pairs(shape, new_shape)
    rest_shape, rest_new = shape[left[0] :], new_shape[left[1] :]
    right = _pairs(rest_shape[::-1], rest_new[::-1])
    segments = left[2]
    stop = len(shape) - right[0], len(new_shape) - right[1]
    middle = list(range(left[0], stop[0])), list(range(left[1], stop[1]))
    if middle[0] or middle[1]:
        segments = segments + [middle]
    for before, after in right[2]:
        segments.append(
            (
                sorted(len(shape) - 1 - dim for dim in before),
                sorted(len(new_shape) - 1 - dim for dim in after),
            )
        )
    return segments


def _pairs(shape, new_shape):
    """Matches axis ranges from the left, up to an unknown size."""
    i = j = 0
    segments = []
    while i < len(shape) and j < len(new_shape):
        first, second = [i], [j]
        if shape[i] is None or new_shape[j] is None:
            break
        a, b, k, m = shape[i], new_shape[j], i + 1, j + 1
        while a != b:
            if a < b and k < len(shape) and shape[k] is not None:
                a, k = a * shape[k], k + 1
                first.append(k - 1)
            elif b < a and m < len(new_shape) and new_shape[m] is not None:
                b, m = b * new_shape[m], m + 1
                second.append(m - 1)
            else:
                return i, j, segments
        segments.append((first, second))
        i, j = k, m
    return i, j, segments


def _merge(step, axes, shape, before, labeled):
    """Flat labels of the merged axes."""
    best = max(labeled, key=lambda dim: len(set(axes[dim].tolist())))
    for dim in labeled:
        if dim != best:
            step.fix(axes[dim])
    sizes = [shape[dim] for dim in before]
    view = [1] * len(sizes)
    view[before.index(best)] = -1
    return np.broadcast_to(axes[best].reshape(view), sizes).ravel()


def _split(step, spread, sizes):
    """Index of the new axis that gets the labels, and the labels."""
    grid = spread.reshape(sizes)
    best, exact = None, False
    for place, size in enumerate(sizes):
        rows = np.moveaxis(grid, place, 0).reshape(size, -1)
        same = bool((rows == rows[:, :1]).all())
        if best is None or (same, size) >= (exact, len(best[1])):
            best, exact = (place, rows), same
    place, rows = best
    if not exact:
        first = np.repeat(rows[:, 0], rows.shape[1] - 1)
        step.tie(first, rows[:, 1:].ravel())
    return place, rows[:, 0]
