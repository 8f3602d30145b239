"""Least squares from sums over rows, the ridge chosen by held-out rows."""

import numpy as np
import tensorflow as tf

# Shares of the mean square of the inputs by which a kernel may be held.
RIDGES = 1e-6, 1e-3, 1e-2, 0.1, 0.3, 1.0


class Sums:
    """What least squares needs of any number of rows.

    Attributes:
        count: Number of rows.
        gram: Float64 array (groups, unknowns, unknowns), sums of products of
            inputs.
        cross: (groups, unknowns, filters), of inputs and outputs.
        square: (groups, filters), of squares of outputs.
        rows: (groups, unknowns), sums of inputs.
        goal: (groups, filters), sums of outputs.
    """

    FIELDS = "gram", "cross", "square", "rows", "goal"

    def __init__(self):
        self.count = 0

    def add(self, rows, goal):
        """Adds rows.

        Args:
            rows: Float32 tensor (groups, rows, unknowns), inputs.
            goal: Float32 tensor (groups, rows, filters), outputs.
        """
        for name, new in zip(self.FIELDS, _products(rows, goal)):
            # In float32 over one batch, in float64 over all.
            if self.count:
                total = getattr(self, name)
                total += new.numpy()
            else:
                setattr(self, name, np.array(new, "float64"))
        self.count += rows.shape[1]

    def about(self, mean, middle):
        """Sums of products after these are taken away from all rows.

        Args:
            mean: (groups, unknowns), of inputs.
            middle: (groups, filters), of outputs.

        Returns:
            Tuple (gram, cross, square).
        """
        n = self.count
        # In place: Gram matrices are large.
        gram = self.gram - _outer(self.rows, mean)
        gram -= _outer(mean, self.rows)
        gram += n * _outer(mean, mean)
        cross = self.cross - _outer(self.rows, middle)
        cross -= _outer(mean, self.goal)
        cross += n * _outer(mean, middle)
        square = self.square - 2 * self.goal * middle + n * middle**2
        return gram, cross, square

    def __add__(self, other):
        both = Sums()
        both.count = self.count + other.count
        for name in self.FIELDS:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both


def _outer(left, right):
    return left[:, :, None] * right[:, None, :]


@tf.function(autograph=False, reduce_retracing=True)
def _products(rows, goal):
    return (
        tf.matmul(rows, rows, transpose_a=True),
        tf.matmul(rows, goal, transpose_a=True),
        tf.reduce_sum(tf.square(goal), 1),
        tf.reduce_sum(rows, 1),
        tf.reduce_sum(goal, 1),
    )


def solve(fitted, held, kernel, shifts):
    """The kernel that fits best, held where the rows say little.

    Minimizes |goal - rows kernel|^2 + hold |kernel - old|^2 with hold =
    ridge * mean diagonal of the Gram matrix; the ridge is the one of `RIDGES`
    with which the solution of `fitted` misses least of `held`, filters
    counted alike.

    Args:
        fitted: `Sums` of most rows.
        held: `Sums` of the others, which choose the ridge; may be of none.
        kernel: Float array (groups, unknowns, filters), the old one.
        shifts: Whether something can take up a constant: means are then taken
            away on both sides.

    Returns:
        Dict with the new `kernel`, `shift` (groups, filters), `ridge`, and
        `before` and `after`, shares of the outputs' variance that are missed.
    """
    ridge = max(RIDGES)
    if held.count:
        mean = fitted.rows / fitted.count * shifts
        middle = fitted.goal / fitted.count * shifts
        ridge = choose_ridge(
            fitted.about(mean, middle), held.about(mean, middle), kernel
        )
    everything = fitted + held if held.count else fitted
    mean = everything.rows / everything.count * shifts
    middle = everything.goal / everything.count * shifts
    moments = everything.about(mean, middle)
    del everything
    step = _step(moments, kernel, ridge)
    # Rows that are all alike say nothing; rounding may leave no solution.
    solved = np.isfinite(step).all((1, 2), keepdims=True)
    new = kernel + np.where(solved, step, 0.0)
    total = max(moments[2].sum(), 1e-30)
    before, after = (_missed(moments, k).sum() / total for k in (kernel, new))
    shift = middle - (mean[:, None, :] @ new)[:, 0]
    return {
        "kernel": new,
        "shift": shift,
        "ridge": ridge,
        "before": float(before),
        "after": float(after),
    }


def choose_ridge(fitted, held, kernel):
    """The ridge of `RIDGES` whose solution misses least of held-out rows.

    Args:
        fitted, held: Tuples (gram, cross, square) about the same means.
        kernel: The old kernel.

    Returns:
        A float.
    """
    scale = fitted[2] + held[2]
    scale = np.maximum(scale, 1e-6 * scale.max() + 1e-30)
    missed = []
    for ridge in RIDGES:
        new = kernel + _step(fitted, kernel, ridge)
        missed.append((_missed(held, new) / scale).sum())
    # Shares of the variance below 1e-8 are rounding; a system that is not
    # positive enough has no solution.
    missed = np.maximum(np.nan_to_num(missed, nan=np.inf), 1e-8 * scale.size)
    # The largest of equals.
    return RIDGES[np.flatnonzero(missed == missed.min())[-1]]


def _step(moments, kernel, ridge):
    """The change of a kernel that fits best, held back by the ridge."""
    gram, cross, _ = moments
    hold = ridge * np.trace(gram, axis1=1, axis2=2) / gram.shape[-1] + 1e-12
    held, diagonal = gram.copy(), np.arange(gram.shape[-1])
    held[:, diagonal, diagonal] += hold[:, None]
    factor = tf.linalg.cholesky(held)
    del held
    return tf.linalg.cholesky_solve(factor, cross - gram @ kernel).numpy()


def _missed(moments, kernel):
    """Squares of what a kernel misses, a filter: (groups, filters)."""
    gram, cross, square = moments
    return square + ((gram @ kernel - 2 * cross) * kernel).sum(1)
