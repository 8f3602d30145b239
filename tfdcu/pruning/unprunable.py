"""What cannot be pruned: which layers, why, and how much they hold."""

from tfdcu.graph.macs import macs_by_path
from tfdcu.workdir.percent import percent


def unprunable_parts(groups):
    """The layers that no rule of pruning covers, and what they hold.

    Args:
        groups: The `Groups` of a model.

    Returns:
        List of dicts with `why` (names the layer and the reason), `channels`
        (that must be kept because of it) and `macs` (its share of the
        model's, or `None` if it cannot be counted), most first. Operations
        that hold neither are left out.
    """
    trace = groups.trace
    macs = macs_by_path(trace.graph)
    total = sum(count or 0 for count in macs.values())
    channels = {}
    for group in groups.all:
        for why in group.reasons:
            kept = int(group.kept.sum()) * group.width
            channels[why] = channels.get(why, 0) + kept
    parts = [
        {"why": why, "channels": channels.get(why, 0), "macs": macs[path]}
        for path, why in trace.unruled.items()
    ]
    parts += [
        {"why": why, "channels": count, "macs": 0}
        for why, count in channels.items()
        if "mixes channels" in why
    ]
    for part in parts:
        if part["macs"] is not None:
            part["macs"] /= max(total, 1)
    held = [p for p in parts if p["channels"] or p["macs"] != 0]
    return sorted(held, key=lambda p: (-(p["macs"] or 0), -p["channels"]))


def describe(part):
    """The reason with the share of macs, if there is one, as text."""
    share = part["macs"]
    if share is None:
        return f"{part['why']} (macs not known)"
    if share < 0.0005:
        return part["why"]
    return f"{part['why']} ({percent(share, 1)} of the macs)"


def worst(groups, count=3):
    """A sentence about the parts that hold most, "" if there are none."""
    parts = unprunable_parts(groups)
    if not parts:
        return ""
    texts = [
        f"{describe(part)}, {part['channels']} channels"
        for part in parts[:count]
    ]
    more = f"; and {len(parts) - count} more" if len(parts) > count else ""
    return " What cannot be pruned: " + "; ".join(texts) + more + "."
