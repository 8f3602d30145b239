"""Fewest and most units of each group: what the user wants to stay whole."""

from fnmatch import fnmatchcase

import numpy as np


def bounds(groups, exclude, per_layer, min_channels, whole):
    """Which groups may be pruned, and how far.

    Args:
        groups: The `Groups` of the model.
        exclude, per_layer, min_channels: As in `prune_channels`.
        whole: Function from a `ChannelGroup` to the units it once had, which
            shares are of.

    Returns:
        (list of `ChannelGroup`; dict from the name of a group to why it is
        not free; fewest and most units of the groups, int arrays).

    Raises:
        ValueError: If a name or pattern means no layer, or nothing is free.
    """
    exclude = [exclude] if isinstance(exclude, (str, type)) else list(exclude)
    members = {
        id(group): [m for m in group.members if m.side.role != "in"]
        for group in groups.all
    }
    check_known([*exclude, *per_layer], groups)
    chosen, reasons, lowest, highest = [], {}, [], []
    for group in groups.all:
        mine = members[id(group)]
        if not group.prunable:
            continue
        if any(means(p, m) for p in exclude for m in mine):
            reasons[group.name] = "excluded"
            continue
        shares = [
            share
            for pattern, share in per_layer.items()
            if any(means(pattern, m) for m in mine)
        ]
        least = min_channels
        if 0 < min_channels < 1:
            least = int(np.ceil(min_channels * whole(group)))
        else:
            least = int(np.ceil(min_channels / group.width))
        most = group.size
        if shares:
            least = most = max(1, round(max(shares) * whole(group)))
            reasons[group.name] = f"set to {max(shares)} by `per_layer`"
        chosen.append(group)
        lowest.append(max(1, least))
        highest.append(most)
    if not chosen:
        raise ValueError(
            "Nothing can be removed from the model. Expected at least one "
            "group of channels that is not kept. Received: "
            + "; ".join(
                f"{g.name}: {reasons.get(g.name) or ', '.join(g.reasons)}"
                for g in groups.all
            )
        )
    return chosen, reasons, np.array(lowest), np.array(highest)


def check_known(patterns, groups):
    """Raise the error of the first pattern that means no layer."""
    every = [member for group in groups.all for member in group.members]
    for pattern in patterns:
        if not any(means(pattern, member) for member in every):
            names = sorted({member.side.path for member in every})
            raise ValueError(
                "A name or pattern means no layer with channels. Expected "
                "names, paths, patterns or classes of layers of the model: "
                f"{', '.join(names[:20])}{' ...' * (len(names) > 20)}. "
                f"Received: {pattern!r}."
            )


def means(pattern, member):
    """Whether a name, a pattern or a layer class means this side's layer."""
    side = member.side
    if isinstance(pattern, type):
        return isinstance(side.op, pattern)
    names = side.path, side.path.rsplit("/", 1)[-1]
    return any(fnmatchcase(name, pattern) for name in names)
