"""The Pareto front of a search as a table and a figure."""

import textwrap

from tfdcu.report import style
from tfdcu.report import units

COSTS = {
    "macs": ("macs", units.count, 1),
    "params": ("parameters", units.count, 1),
    "bytes": ("size", units.size, 1000),
    "latency_ms": ("latency", units.milliseconds, 1),
}
# Label of an axis, and how its numbers are shown if not as they are.
AXES = {
    "macs": ("multiply-accumulates", [units.count]),
    "params": ("parameters", [units.count]),
    "bytes": ("file size, kB", []),
    "latency_ms": ("latency of one image, ms", []),
}


def front_table(record):
    """The teacher and the fully trained students of a search, as Markdown.

    Args:
        record: The dict from `tfdcu.search`.

    Returns:
        An aligned Markdown table and notes, without a final newline.

    Example:

    >>> print(front_table(json.load(open("runs/search/front.json"))))
    """
    quality = record["quality"]
    header = ["student", quality, *(name for name, *_ in COSTS.values())]
    header += ["test accuracy", "values"]
    lines = [_cells("teacher", record["teacher"], "quality", "")]
    for one in sorted(
        (one for one in record["students"] if "score" in one),
        key=lambda one: one[record["cost"]],
    ):
        values = ", ".join(
            f"{name}={_brief(value)}" for name, value in one["values"].items()
        )
        lines.append(_cells(_name(one), one, f"val_{quality}", values))
    widths = [max(map(len, column)) for column in zip(header, *lines)]
    rows = [header, ["-" * width for width in widths], *lines]
    table = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"
        for row in rows
    ]
    return "\n".join([*table, "", *_notes(record)])


def front_figure(record):
    """Plots quality against cost: trials, front, teacher and chosen student.

    Hollow points are trials, possibly with short training; filled points are
    fully trained students, those on the front connected by steps. The legend
    lists the trials of the front from left to right. The horizontal axis is
    logarithmic.

    Args:
        record: The dict from `tfdcu.search`.

    Returns:
        The bytes of a PNG file.

    Example:

    >>> Path("front.png").write_bytes(front_figure(record))
    """
    return style.draw(_draw, record)


def _cells(name, row, quality, values):
    costs = [show(row.get(key)) for key, (_, show, _) in COSTS.items()]
    shown = [units.percent(row.get(k)) for k in (quality, "test_accuracy")]
    return [name, shown[0], *costs, shown[1], values]


def _name(one):
    mark = ", chosen" if one["chosen"] else ""
    if one["reason"]:
        mark = ", over a limit"
    elif not one["on_front"]:
        mark = ", not on the front"
    return f"trial {one['trial']}{mark}"


def _names(students):
    return ", ".join(one["trial"] for one in students)


def _brief(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _notes(record):
    counts = {
        status: sum(one["status"] == status for one in record["trials"])
        for status in ("finished", "refused", "failed")
    }
    said = ", ".join(f"{num} {status}" for status, num in counts.items())
    notes = [f"{len(record['trials'])} trials: {said}."]
    notes += [
        f"Trial {one['trial']} has no student: {one['reason']}"
        for one in record["students"]
        if "score" not in one
    ]
    return notes


def _draw(new_figure, record):
    cost, quality = record["cost"], f"val_{record['quality']}"
    unit = COSTS[cost][2]

    def places(rows, key):
        return [(row[cost] / unit, 100 * row[key]) for row in rows]

    teacher = places([record["teacher"]], "quality")
    trials = places(
        [o["metrics"] for o in record["trials"] if o["status"] == "finished"],
        quality,
    )
    students = sorted(
        (one for one in record["students"] if "score" in one),
        key=lambda one: one[cost],
    )
    others = [one for one in students if not one["on_front"]]
    on_front = [one for one in students if one["on_front"]]
    chosen = [one for one in students if one["chosen"]]
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    name, show = AXES[cost]
    axes.set(xscale="log", xlabel=name, ylabel=f"{record['quality']}, %")
    line = {"color": style.BLUE, "markeredgecolor": "white"}
    _points(axes, trials, "o", "trials", mfc="none", mec=style.GRAY)
    _points(axes, places(others, quality), "o", "dominated", c=style.GRAY)
    axes.plot(
        *_columns(places(on_front, quality)),
        "o-",
        drawstyle="steps-post",
        markersize=8,
        label=textwrap.fill(
            f"front, trained in full: trials {_names(on_front)}", 50
        ),
        **line,
    )
    mark = {"c": style.ORANGE, "markersize": 14, "markeredgecolor": "white"}
    label = f"chosen: trial {_names(chosen)}"
    _points(axes, places(chosen, quality), "*", label, **mark)
    _points(axes, teacher, "s", "teacher", c=style.BLACK, markersize=8)
    _limit(axes, record, unit)
    every = [x for x, _ in [*trials, *teacher, *places(students, quality)]]
    room = max((max(every) / min(every)) ** 0.12, 1.2)
    axes.set_xlim(min(every) / room, max(every) * room)
    style.plain_log(axes.xaxis, room * room * max(every) / min(every), *show)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5)
    return figure


def _points(axes, places, marker, label, **look):
    if places:
        look = {"markersize": 6, **look}
        axes.plot(*_columns(places), marker, ls="", label=label, **look)


def _columns(places):
    return [x for x, _ in places], [y for _, y in places]


def _limit(axes, record, unit):
    limit = record["limits"].get(record["cost"])
    if limit is not None:
        axes.axvline(
            limit / unit, color=style.VERMILION, ls="--", lw=1.1, label="limit"
        )
