"""Which channels matter, from the weights alone: scores by group."""

import numpy as np


def unit_rows(group, roles=("out", "along", "inner")):
    """The kernels that make a group's channels, one row a unit.

    Args:
        group: A `ChannelGroup`.
        roles: Roles of the sides to read.

    Returns:
        List of float32 arrays (units, values), one a kernel; empty where the
        group has none.
    """
    rows = []
    for member in group.members:
        variable = member.side.variable
        if member.side.role not in roles or len(variable.shape) < 2:
            continue
        value = np.moveaxis(np.asarray(variable), member.side.axis, 0)
        value = value.reshape(len(value), -1).astype("float32")
        inside = np.flatnonzero(member.units >= 0)
        order = inside[np.argsort(member.units[inside], kind="stable")]
        held = np.bincount(member.units[inside], minlength=group.size)
        if len(set(held.tolist())) == 1:
            rows.append(value[order].reshape(group.size, -1))
    return rows


def _sums(group, power):
    """Sum of |w|^power by unit, every kernel scaled to mean one."""
    total = np.zeros(group.size)
    for member in group.members:
        side = member.side
        if side.role == "in" or len(side.variable.shape) < 2:
            continue
        value = np.abs(np.asarray(side.variable, "float32"))
        axes = tuple(d for d in range(value.ndim) if d != side.axis)
        value = value.sum(axes) if power == 1 else (value**power).sum(axes)
        inside = member.units >= 0
        sums = np.bincount(member.units[inside], value[inside], group.size)
        total += sums / max(sums.mean(), 1e-12)
    return total


def l1(model, group):
    """Sum of absolute weights that make the unit (Li et al. 2017)."""
    return _sums(group, 1)


def l2(model, group):
    """Euclidean norm of the weights that make the unit."""
    return np.sqrt(_sums(group, 2))


def bn_scale(model, group):
    """Absolute scale of the normalization (Liu et al. 2017, slimming).

    Of groups without one, the L1 norm.
    """
    total, found = np.zeros(group.size), False
    for member in group.members:
        if member.side.role == "scale":
            found = True
            inside = member.units >= 0
            value = np.abs(np.asarray(member.side.variable, "float32"))
            total += np.bincount(
                member.units[inside], value[inside], group.size
            )
    return total if found else l1(model, group)


def fpgm(model, group):
    """Sum of distances to the other units (He et al. 2019).

    A unit near the geometric median of its group can be replaced by others.
    """
    total = np.zeros(group.size)
    for rows in unit_rows(group):
        squares = (rows * rows).sum(1)
        distances = squares[:, None] + squares - 2 * rows @ rows.T
        sums = np.sqrt(np.maximum(distances, 0)).sum(1)
        total += sums / max(sums.mean(), 1e-12)
    return total if total.any() else l1(model, group)


def lamp(model, group):
    """Squared norm over that of all units at least as large (Lee et al. 2021).

    Comparable across groups by its construction: the largest unit of every
    group scores one.
    """
    squares = _sums(group, 2)
    order = np.argsort(squares, kind="stable")
    rest = np.cumsum(squares[order][::-1])[::-1]
    scores = np.empty(group.size)
    scores[order] = squares[order] / np.maximum(rest, 1e-12)
    return scores


def random_scores(seed):
    """A function of a group with uniform scores, the same for a seed."""

    def random(model, group):
        generator = np.random.default_rng([seed, int(group.units[0])])
        return generator.random(group.size)

    return random


BY_WEIGHTS = {
    "l1": l1,
    "l2": l2,
    "bn_scale": bn_scale,
    "fpgm": fpgm,
    "lamp": lamp,
}
# Means differ from group to group for no reason of importance.
RELATIVE = "l1", "l2", "bn_scale", "fpgm"
