"""A picture of how much each group of channels matters."""

from tfdcu.report import style


def sensitivity_figure(record, most=60):
    """One row a group: how far the outputs move when it alone is cut.

    The horizontal axis is the divergence from the model's own outputs, in
    nats, logarithmic; one dot for each share that was cut. Groups stand in
    the order of the model, from the top.

    Args:
        record: What `tfdcu.pruning.sensitivity` returned, or its file.
        most: Of more groups than this, those that matter most are shown.
            Default 60.

    Returns:
        The bytes of a PNG file, or None where there are no groups.

    Example:

    >>> Path("sensitivity.png").write_bytes(sensitivity_figure(record))
    """
    return style.draw(_draw, record, most)


# Below this a divergence is rounding, not an effect.
FLOOR = 1e-7


def shown(record, most):
    """The groups of the picture, in the model's order."""
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
            label=f"{share:.0%} cut",
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
