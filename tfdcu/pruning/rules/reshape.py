"""Labels of a reshaped tensor."""

import numpy as np


def permute(values, order):
    """List of the values in another order."""
    return [values[index] for index in order]


def reshape(step, axes, shape, made):
    """Labels after a reshape, which does not change the order of elements.

    Unchanged axes pass their labels through. If axes merge, the labels of the
    one with most channels are repeated along the merged axis, and channels on
    the others are kept. If an axis splits, one new axis gets the labels: one
    that needs no ties if there is any, else the longest.

    Args:
        step: The `Step`.
        axes: Labels of the input, without the batch if that stays first.
        shape: Shape of the input, without the batch if `axes` is.
        made: Shape of the output, without the batch if `axes` is.

    Returns:
        List of labels of the output.
    """
    result = [None] * len(made)
    for before, after in _segments(tuple(shape), tuple(made)):
        if len(before) == len(after) == 1:
            result[after[0]] = axes[before[0]]
            continue
        known = [dim for dim in before if axes[dim] is not None]
        if not known:
            continue
        sizes = [shape[dim] for dim in before] + [made[dim] for dim in after]
        if None in sizes or not after:
            for dim in known:
                step.fix(axes[dim])
            continue
        spread = _merge(step, axes, shape, before, known)
        place, labels = _split(step, spread, [made[dim] for dim in after])
        result[after[place]] = labels
    return result


def _segments(shape, made):
    """Pairs of axis ranges (input, output) with as many elements."""
    left = _pairs(shape, made)
    rest_shape, rest_made = shape[left[0] :], made[left[1] :]
    right = _pairs(rest_shape[::-1], rest_made[::-1])
    segments = left[2]
    stop = len(shape) - right[0], len(made) - right[1]
    middle = list(range(left[0], stop[0])), list(range(left[1], stop[1]))
    if middle[0] or middle[1]:
        segments = segments + [middle]
    for before, after in right[2]:
        segments.append(
            (
                sorted(len(shape) - 1 - dim for dim in before),
                sorted(len(made) - 1 - dim for dim in after),
            )
        )
    return segments


def _pairs(shape, made):
    """Matches axis ranges from the left, up to an unknown size."""
    i = j = 0
    segments = []
    while i < len(shape) and j < len(made):
        first, second = [i], [j]
        if shape[i] is None or made[j] is None:
            break
        a, b, k, m = shape[i], made[j], i + 1, j + 1
        while a != b:
            if a < b and k < len(shape) and shape[k] is not None:
                a, k = a * shape[k], k + 1
                first.append(k - 1)
            elif b < a and m < len(made) and made[m] is not None:
                b, m = b * made[m], m + 1
                second.append(m - 1)
            else:
                return i, j, segments
        segments.append((first, second))
        i, j = k, m
    return i, j, segments


def _merge(step, axes, shape, before, known):
    """Flat labels of the merged axes."""
    best = max(known, key=lambda dim: len(set(axes[dim].tolist())))
    for dim in known:
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
