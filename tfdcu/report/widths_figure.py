"""A figure of the channels of each group of layers, before and after."""

from tfdcu.report import style

MOST = 40


def widths_figure(groups):
    """Draws how many channels each group of layers had and has kept.

    Args:
        groups: The `channels` of a record: dicts with `group`, `before` and
            `after`. The first 40 are shown.

    Returns:
        The bytes of a PNG file, or None if there are no groups.

    Example:

    >>> Path("widths.png").write_bytes(widths_figure(record["channels"]))
    """
    return style.draw(_draw, groups[:MOST])


def _draw(new_figure, groups):
    if not groups:
        return None
    figure = new_figure(8, 0.28 * len(groups) + 1.1)
    axes = figure.subplots()
    places = range(len(groups))
    before = [group["before"] for group in groups]
    after = [group["after"] for group in groups]
    axes.barh(places, before, 0.7, color="#D9D9D9", label="teacher")
    axes.barh(places, after, 0.7, color=style.BLUE, label="student")
    for place, old, new in zip(places, before, after):
        axes.text(old, place, f" {old} to {new}", va="center", fontsize=8)
    axes.set_yticks(places, [_cut(group["group"]) for group in groups])
    axes.set(xlabel="channels", xlim=(0, 1.15 * max(before)))
    axes.grid(False)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def _cut(name):
    # Layers of a model inside differ at the end.
    return name if len(name) <= 32 else "…" + name[-31:]
