"""A figure of the sensitivity of each group of channels."""

from tfdcu.report import style
from tfdcu.workdir.percent import percent


def sensitivity_figure(record, most=60):
    """Plots the change of the outputs when a single group is pruned.

    One row per group, in the order of the model, from the top. The horizontal
    axis is the divergence from the outputs of the model, in nats, logarithmic;
    one point for each share of pruned channels.

    Args:
        record: The dict from `tfdcu.pruning.sensitivity`.
        most: Largest number of groups; if there are more, the most sensitive
            ones are shown. Defaults to 60.

    Returns:
        The bytes of a PNG file, or None if there are no groups.

    Example:

    >>> Path("sensitivity.png").write_bytes(sensitivity_figure(record))
    """
    return style.draw(_draw, record, most)


# Smaller divergences are rounding errors.
FLOOR = 1e-7


def shown(record, most):
    """The groups to show, in the order of the model."""
    rows = record["groups"]
    ranked = sorted(rows, key=lambda row: max(row["divergence"]), reverse=True)
    names = {row["group"] for row in ranked[:most]}
    return [row for row in rows if row["group"] in names]


def _draw(new_figure, record, most):
    rows = shown(record, most)
    if not rows:
        return None
    figure = new_figure(7.5, 1.2 + 0.2 * len(rows))
    axes = figure.add_subplot()
    places = list(range(len(rows)))
    colors = style.BLUE, style.ORANGE, style.VERMILION, style.PURPLE
    markers = "o", "D", "^", "s"
    for index, share in enumerate(record["shares"]):
        values = [max(row["divergence"][index], FLOOR) for row in rows]
        axes.plot(
            values,
            places,
            linestyle="none",
            marker=markers[index % len(markers)],
            markersize=4.5,
            color=colors[index % len(colors)],
            label=f"{percent(share, 0)} cut",
        )
    axes.set_xscale("log")
    axes.set_yticks(places)
    axes.set_yticklabels(
        [f"{row['group']} ({row['size']})" for row in rows], fontsize=7
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("divergence from the model's own outputs, nats")
    axes.set_title("Each group of channels cut alone")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
