"""A figure of the accuracy in each class, of teacher and student."""

from tfdcu.report import style
from tfdcu.workdir.console import printable

MOST = 30


def classes_figure(by_class):
    """Plots the accuracy in each class, those that lose most first.

    Args:
        by_class: Dicts with `class`, `images`, `teacher` and `student`, see
            `tfdcu.stages.mistakes`. The first 30 are shown.

    Returns:
        The bytes of a PNG file, or None if there are no classes.

    Example:

    >>> png = classes_figure(record["mistakes"]["by_class"])
    """
    ordered = sorted(by_class, key=lambda one: one["student"] - one["teacher"])
    return style.draw(_draw, ordered[:MOST])


def _draw(new_figure, rows):
    if not rows:
        return None
    figure = new_figure(8, 0.26 * len(rows) + 1.1)
    axes = figure.subplots()
    places = range(len(rows))
    teacher = [100 * row["teacher"] for row in rows]
    student = [100 * row["student"] for row in rows]
    axes.hlines(places, teacher, student, color=style.GRAY)
    for name, values, color, size in (
        ("teacher", teacher, style.GRAY, 8),
        ("student", student, style.BLUE, 5),
    ):
        look = {"color": color, "ms": size, "label": name}
        axes.plot(values, places, "o", clip_on=False, **look)
    names = [f"{_cut(row['class'])} ({row['images']:,})" for row in rows]
    axes.set_yticks(places, names)
    low = min(*teacher, *student)
    # A hundred is the right end; points there are drawn whole.
    axes.set(xlabel="accuracy, %", xlim=(max(0, low - 5), 100))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def _cut(name):
    name = printable(name)
    return name if len(name) <= 26 else name[:25] + "…"
