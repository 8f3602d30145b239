"""A figure of the training history of a record."""

from tfdcu.report import style

TERMS = {
    "loss": ("total", style.BLACK, "-"),
    "label": ("label", style.ORANGE, "--"),
    "mimic": ("mimic", style.BLUE, "-."),
    "val_mimic": ("mimic, held out", style.PURPLE, (0, (1, 1))),
    "features": ("features", style.VERMILION, (0, (6, 1, 1, 1, 1, 1))),
    "align": ("align", style.GREEN, ":"),
}
SCORES = {
    "val_accuracy": ("validation", style.BLUE, "-"),
    "val_agreement": ("agreement", style.GREEN, "-."),
    "accuracy": ("in training", style.BLUE, ":"),
}
DOMAIN = {
    "domain_accuracy": ("in training", style.PURPLE, "-"),
    "val_domain_accuracy": ("validation", style.BLACK, "--"),
}


def training_figure(history):
    """Plots the loss and its terms, the domain accuracy and the accuracies.

    At a domain accuracy of 0.5 the features of labeled and unlabeled images
    are aligned. Epochs without a value are gaps.

    Args:
        history: The `history` of a record: {"student": {metric: [one value per
            epoch]}, "baseline": {...}}; all keys are optional.

    Returns:
        The bytes of a PNG file, or None if there is nothing to draw.

    Example:

    >>> Path("training.png").write_bytes(training_figure(record["history"]))
    """
    return style.draw(_draw, history)


def _draw(new_figure, history):
    student = _aligned(_curves(history.get("student")))
    baseline = _curves(history.get("baseline"))
    panels = [
        (draw, lines)
        for draw, lines in (
            (_draw_losses, _found(student, TERMS)),
            (_draw_domain, _found(student, DOMAIN)),
            (_draw_scores, _scores(student, baseline)),
        )
        if lines
    ]
    if not panels:
        return None
    figure = new_figure(3.6 * len(panels) + 0.4, 3.5)
    for axes, (draw, lines) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels
    ):
        for values, name, color, dash in lines:
            _draw_line(axes, values, name, color, dash)
        _set_epoch_ticks(axes)
        draw(axes, lines)
    return figure


def _curves(metrics):
    """Metrics as lists of floats with NaN for None, without all-NaN ones."""
    nan = float("nan")
    floats = {
        name: [nan if value is None else float(value) for value in values]
        for name, values in (metrics or {}).items()
    }
    return {
        name: values
        for name, values in floats.items()
        if any(value == value for value in values)
    }


def _aligned(curves):
    """Drops the curves of alignment if it was off.

    The align loss is 0 then, and the domain accuracy 0.5.
    """
    if any(curves.get("align", [1.0])):
        return curves
    unused = {"align", *DOMAIN}
    return {key: curve for key, curve in curves.items() if key not in unused}


def _found(curves, wanted):
    return [
        (curves[key], *look) for key, look in wanted.items() if key in curves
    ]


def _scores(student, baseline):
    lines = _found(student, SCORES)
    for key in ("val_accuracy", "accuracy"):
        if key in baseline and key in student:
            look = ("labels only", style.ORANGE, "--")
            return [*lines, (baseline[key], *look)]
    return lines


def _draw_line(axes, values, name, color, dash):
    epochs = range(1, len(values) + 1)
    # A single epoch needs a marker to be visible.
    marker = "o" if len(values) == 1 else None
    look = {"linestyle": dash, "color": color, "marker": marker}
    axes.plot(epochs, values, label=name, **look)


def _draw_losses(axes, lines):
    values = [v for line in lines for v in line[0] if v == v]
    if min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
        style.plain_log(axes.yaxis, max(values) / min(values))
    axes.set_title("loss and its terms")
    _legend(axes)


def _draw_domain(axes, lines):
    axes.axhline(0.5, color=style.GRAY, lw=1.2, ls="--", label="0.5: aligned")
    low = min([0.4, *(v for line in lines for v in line[0] if v == v)])
    axes.set(ylim=(max(low - 0.02, 0), 1.02))
    axes.set_title("domain accuracy")
    _legend(axes)


def _draw_scores(axes, lines):
    axes.set_title("accuracy")
    _legend(axes)


def _set_epoch_ticks(axes):
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")


def _legend(axes):
    """Puts the legend below the axes, where it hides no curve."""
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
        ncols=2,
        fontsize=8.5,
        handlelength=2.6,
        columnspacing=1.2,
    )
