"""Figures of the rows of a record: accuracy and cost."""

from tfdcu.report import style
from tfdcu.report import units
from tfdcu.report.rows import is_student
from tfdcu.report.rows import is_teacher
from tfdcu.report.rows import ratio
from tfdcu.report.rows import title

# Marker and size: files may lie on the same point.
MARKERS = {
    "float32": ("o", 10),
    "float16": ("s", 7),
    "dynamic": ("D", 5.5),
    "int8": ("^", 7),
    "weight8": ("p", 7),
    "int8_weight4": ("v", 7),
}
AXES = {
    "bytes": ("file size, kB", 1000),
    "latency_ms": ("latency of one image, ms", 1),
}
BARS = {
    "macs": "macs",
    "params": "parameters",
    "bytes": "file size",
    "latency_ms": "latency",
}


def accuracy_figure(rows):
    """Plots accuracy against file size and latency, one point per file.

    Keras models have no file size and latency: they are horizontal lines. The
    horizontal axes are logarithmic.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        The bytes of a PNG file, or None if no file has an accuracy.

    Example:

    >>> Path("accuracy.png").write_bytes(accuracy_figure(record["rows"]))
    """
    return style.draw(_draw_accuracy, rows)


def relative_figure(rows):
    """Plots macs, parameters, size and latency relative to the teacher.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        The bytes of a PNG file, or None if nothing can be compared.

    Example:

    >>> Path("relative.png").write_bytes(relative_figure(record["rows"]))
    """
    return style.draw(_draw_relative, rows)


def color(row):
    """Black for the teacher, blue for the student, orange for others."""
    if is_teacher(row):
        return style.BLACK
    return style.BLUE if is_student(row) else style.ORANGE


def _draw_accuracy(new_figure, rows):
    scored = [row for row in rows if row["accuracy"] is not None]
    files = [row for row in scored if row["format"] != "keras"]
    shown = [key for key in AXES if any(row[key] for row in files)]
    if not shown:
        return None
    figure = new_figure(3.3 * len(shown) + 2.2, 4)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    panels[0].set_ylabel("accuracy, %")
    handles = {}
    for axes, key in zip(panels, shown):
        label, unit = AXES[key]
        axes.set(xscale="log", xlabel=label)
        for row in scored:
            height = 100 * row["accuracy"]
            if row["format"] == "keras":
                look = {"ls": _dash(row), "lw": 1.1, "color": color(row)}
                drawn = axes.axhline(height, **look)
            elif row[key]:
                marker, size = MARKERS.get(row["format"], ("v", 7))
                look = {"ls": "", "markersize": size, "color": color(row)}
                look |= {"markeredgecolor": "white", "alpha": 0.8}
                place = row[key] / unit
                (drawn,) = axes.plot(place, height, marker, **look)
            else:
                continue
            name = f"{_cut(title(row))}: {units.percent(row['accuracy'], 1)}"
            handles[name] = drawn
        _set_limits(axes, [row[key] / unit for row in files if row[key]])
    figure.legend(handles.values(), handles, loc="outside right upper")
    return figure


def _dash(row):
    return "--" if is_teacher(row) else ":" if is_student(row) else "-."


def _set_limits(axes, values):
    low, high = min(values), max(values)
    room = max((high / low) ** 0.12, 1.3)
    axes.set_xlim(low / room, high * room)
    style.plain_log(axes.xaxis, room * room * high / low)


def _draw_relative(new_figure, rows):
    bars = [
        (row, {key: ratio(row, rows, key) for key in BARS})
        for row in rows
        if not is_teacher(row)
    ]
    bars = [(row, times) for row, times in bars if any(times.values())]
    shown = [key for key in BARS if any(times[key] for _, times in bars)]
    if not shown:
        return None
    figure = new_figure(2.3 * len(shown) + 1.8, 0.36 * len(bars) + 1.2)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, key in zip(panels, shown):
        most = max([1.0, *(times[key] or 0 for _, times in bars)])
        # Space for the text right of the longest bar.
        axes.set(title=BARS[key], xlim=(0, 2.1 * most), xlabel="teacher = 1")
        axes.axvline(1, color=style.BLACK, lw=1.1, ls="--")
        axes.grid(False)
        for place, (row, times) in enumerate(bars):
            _bar(axes, place, key, times[key], color(row), most)
    panels[0].set_yticks(range(len(bars)), [_cut(title(r)) for r, _ in bars])
    panels[0].invert_yaxis()
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    return figure


def _bar(axes, place, key, times, tint, most):
    text = units.compared(key, times) or units.MISSING
    worse = times is not None and times > 1.005
    axes.barh(
        place,
        times or 0,
        0.62,
        color=style.VERMILION if worse else tint,
        hatch="///" if worse else None,
        edgecolor="white",
        linewidth=0,
    )
    # Right of the longest bar and the line of the teacher.
    axes.text(1.05 * most, place, text, va="center", fontsize=8.5)


def _cut(name):
    return name if len(name) <= 24 else name[:23] + "…"
