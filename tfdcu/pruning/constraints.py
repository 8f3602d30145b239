"""Minimum and maximum units of each group, from the user's options."""

from fnmatch import fnmatchcase

import numpy as np

from tfdcu.pruning.unprunable import worst
from tfdcu.workdir.arguments import SHARE

# Fewest channels that a group keeps, as a share.
MIN_SHARE = 0.1


class NothingToRemove(ValueError):
    """No group of channels may be pruned."""


def bounds(groups, exclude, per_layer, original_size):
    """Groups that may be pruned, with minimum and maximum units of each.

    Args:
        groups: The `Groups` of the model.
        exclude, per_layer: As in `prune_channels`.
        original_size: Function from a `ChannelGroup` to its number of units
            before pruning, which shares refer to.

    Returns:
        (list of `ChannelGroup`; dict from the name of a group to why it may
        not be pruned freely; minimum and maximum units, int arrays).

    Raises:
        ValueError: If a name or pattern matches no layer, or no group may be
            pruned.
    """
    if isinstance(exclude, (str, type)):
        exclude = [exclude]
    check_kinds(exclude, per_layer)
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
        if any(matches(p, m) for p in exclude for m in mine):
            reasons[group.name] = "excluded"
            continue
        shares = [
            share
            for pattern, share in per_layer.items()
            if any(matches(pattern, m) for m in mine)
        ]
        least = int(np.ceil(MIN_SHARE * original_size(group)))
        most = group.size
        if shares:
            least = most = max(1, round(max(shares) * original_size(group)))
            reasons[group.name] = f"set to {max(shares)} by `per_layer`"
        chosen.append(group)
        lowest.append(max(1, least))
        highest.append(most)
    if not chosen:
        raise NothingToRemove(
            "Nothing can be removed from the model. Expected: at least one "
            "prunable group of channels. Received: "
            + "; ".join(
                f"{g.name}: {reasons.get(g.name) or ', '.join(g.reasons)}"
                for g in groups.all
            )
            + f".{worst(groups)}"
        )
    return chosen, reasons, np.array(lowest), np.array(highest)


def check_kinds(exclude, per_layer):
    """Raises unless these are names, and a dict from such to shares."""
    listed = hasattr(exclude, "__iter__") and not hasattr(exclude, "items")
    named = listed and hasattr(per_layer, "items")
    names = [*exclude, *per_layer] if named else [None]
    if not all(isinstance(name, (str, type)) for name in names):
        raise ValueError(
            "Invalid value for `exclude` or `per_layer`. Expected: names, "
            "patterns or layer classes, and a dict from such to shares. "
            f"Received: exclude={exclude!r}, per_layer={per_layer!r}."
        )
    for pattern, share in per_layer.items():
        if not SHARE[1](share):
            raise ValueError(
                "Invalid value for `per_layer`. Expected: shares above 0 and "
                f"at most 1. Received: {pattern!r}: {share!r}."
            )


def check_known(patterns, groups):
    """Raises for the first name or pattern that matches no layer."""
    every = [member for group in groups.all for member in group.members]
    for pattern in patterns:
        if not any(matches(pattern, member) for member in every):
            names = sorted({member.side.path for member in every})
            raise ValueError(
                "A name or pattern in `exclude` or `per_layer` matches no "
                "layer with channels. Expected: names, paths, patterns or "
                "classes of layers of the model: "
                f"{', '.join(names[:20])}{' ...' * (len(names) > 20)}. "
                f"Received: {pattern!r}."
            )


def matches(pattern, member):
    """Whether a name, pattern or layer class matches the member's layer."""
    side = member.side
    if isinstance(pattern, type):
        return isinstance(side.op, pattern)
    names = side.path, side.path.rsplit("/", 1)[-1]
    return any(fnmatchcase(name, pattern) for name in names)
