"""Importance criteria that need only the weights."""

import numpy as np


def _sums(group, power):
    """Sum of |w|^power per unit, each kernel scaled to a mean of one."""
    total = np.zeros(group.size)
    for member in group.members:
        side = member.side
        if side.role in ("in", "state") or len(side.variable.shape) < 2:
            continue
        value = np.abs(np.asarray(side.variable, "float32"))
        axes = tuple(d for d in range(value.ndim) if d != side.axis)
        value = value.sum(axes) if power == 1 else (value**power).sum(axes)
        inside = member.units >= 0
        sums = np.bincount(member.units[inside], value[inside], group.size)
        total += sums / max(sums.mean(), 1e-12)
    return total


def l1(model, group):
    """Sum of the absolute weights that produce the unit (Li et al. 2017)."""
    return _sums(group, 1)


def l2(model, group):
    """Euclidean norm of the weights that produce the unit."""
    return np.sqrt(_sums(group, 2))


def random_scores(seed):
    """Returns a criterion with uniform random scores, fixed by the seed."""

    def random(model, group):
        generator = np.random.default_rng([seed, int(group.units[0])])
        return generator.random(group.size)

    return random


BY_WEIGHTS = {"l1": l1, "l2": l2}
