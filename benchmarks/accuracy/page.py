"""The table and the figures of an ablation, made from its rows."""

import statistics

import numpy as np

from benchmarks.accuracy import steps
from tfdcu.report import style
from tfdcu.workdir.atomic import atomic_write

TITLES = {
    "cifar10": "CIFAR-10, ResNet-56, 50 labels a class, Tiny ImageNet",
    "digits": "Handwritten digits, 5 labels a class, printed characters",
}
ZERO = (
    "0 pruned",
    "0 pruned at once and reconstructed",
    "0 pruned and reconstructed",
)
BEST = "5 everything"
ORACLE = "6 oracle"
# Rows that make up the learning curve, and how many images they have.
POOLS = {
    "digits": {"pool of 250": 250, "pool of 1k": 1000, BEST: 5500},
    "cifar10": {
        "pool of 2k": 2000,
        "pool of 10k": 10_000,
        BEST: 49_000,
    },
}


def write_page(path, rows):
    """Writes `<path>.md`, `<path>_ablation.png` and, of pools, `_pool.png`.

    Args:
        path: `Path` without an ending; its name says which example.
        rows: List of dicts as `ablation.run` gives.
    """
    content = {f"{path}.md": page(path.name, rows).encode()}
    pictures = {
        "_ablation.png": (ablation,),
        "_pool.png": (learning_curve, POOLS[path.name]),
    }
    for ending, (picture, *others) in pictures.items():
        drawn = style.draw(picture, rows, *others)
        if drawn is not None:
            content[f"{path}{ending}"] = drawn
    with atomic_write(*content) as files:
        for file, data in zip(files, content.values()):
            file.write_bytes(data)


def page(name, rows):
    """The committed text: how it was measured, and a table."""
    teacher = next(row["teacher"] for row in rows if "teacher" in row)
    lines = [
        f"# {TITLES[name]}",
        "",
        f"`python -m benchmarks.accuracy.ablation --example={name} ...`",
        "",
        "Test accuracy in percent, last epoch: mean (lowest to highest) over "
        f"the seeds. The teacher has {100 * teacher:.2f}. `against step 5` is "
        "the mean difference from step 5 with the same seeds, and how far that "
        "is from sure, its standard error. `mimic` is that loss "
        "in the last epoch, `held out` the same on images of the pool that "
        "were not trained on, both of the seeds that recorded them; neither "
        "compares rows that differ in the loss or in mirror images.",
    ]
    own = [row for row in rows if row["step"] == BEST]
    if own:
        lines += ["", gains(own)]
    for title, names in (
        ("The ablation", (*ZERO, *steps.STEPS)),
        ("Step 5 with one thing changed", steps.ABLATIONS),
        ("Step 5 elsewhere", steps.PLACES),
        ("Step 5 with options that are gone", steps.REMOVED),
    ):
        found = [n for n in names if values(rows, n)]
        if found:
            lines += ["", f"## {title}", "", *table(rows, found)]
    return "\n".join(lines) + "\n"


def gains(rows):
    """A sentence on the files of a step."""
    smaller, faster = (
        statistics.median(row[key] for row in rows)
        for key in ("smaller", "faster")
    )
    return (
        "Step 5's int8 file against the teacher's float32 file, median over "
        f"the seeds: {smaller:.1f}x smaller, {faster:.1f}x faster."
    )


def table(rows, names):
    """A step a line."""
    lines = [
        "| step | seeds | student | against step 5 | below the teacher | int8 "
        "| minutes | mimic | held out |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    best = {r["seed"]: r["student"] for r in rows if r["step"] == BEST}
    for name in names:
        own = [row for row in rows if row["step"] == name]
        start = (
            f"| {name} | {len(own)} | {spread(own, 'student')} | "
            f"{'' if name == BEST else against(best, own)} |"
        )
        below = lacking(own, name)
        seconds = [r["seconds"] for r in own if "seconds" in r]
        lines.append(
            f"{start} {statistics.mean(below):.2f} | "
            f"{spread(own, 'int8')} | {minutes(seconds)} | "
            f"{loss(own, 'mimic')} | {loss(own, 'held_out')} |"
            if below
            else f"{start} | | | | |"
        )
    return lines


def against(best, rows):
    """The mean difference from what the same seeds have, its standard error.

    Args:
        best: Dict from seed to accuracy.
        rows: The rows of a step.

    Returns:
        Points, such as "-0.20 ± 0.10"; "" where no seed is the same.
    """
    found = [
        100 * (row["student"] - best[row["seed"]])
        for row in rows
        if row["seed"] in best
    ]
    if not found:
        return ""
    mean = f"{statistics.mean(found):+.2f}"
    if len(found) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(found) / len(found) ** 0.5:.2f}"


def minutes(seconds):
    """The median in minutes, tenths below one; nothing where none is known."""
    if not seconds:
        return ""
    median = statistics.median(seconds) / 60
    return f"{median:.0f}" if median >= 1 else f"{median:.1f}"


def values(rows, step, key="student"):
    """What the seeds of a step have, in percent."""
    return [100 * row[key] for row in rows if row["step"] == step]


def lacking(rows, step):
    """How many points below the teacher the seeds of a step are, if known."""
    return [
        100 * (row["teacher"] - row["student"])
        for row in rows
        if row["step"] == step and "teacher" in row
    ]


def loss(rows, key):
    """The mean over the seeds that have it, nothing where none has."""
    found = [row[key] for row in rows if row.get(key) is not None]
    return f"{statistics.mean(found):.3f}" if found else ""


def spread(rows, key):
    """Mean, and lowest to highest."""
    found = [100 * row[key] for row in rows]
    mean = f"{statistics.mean(found):.2f}"
    if len(found) == 1:
        return mean
    return f"{mean} ({min(found):.2f} to {max(found):.2f})"


def ablation(new_figure, rows):
    """Means with the range over the seeds, a step a line."""
    names = [n for n in (*ZERO, *steps.STEPS) if values(rows, n)]
    figure = new_figure(7, 0.8 + 0.4 * len(names))
    axes = figure.subplots()
    for place, name in enumerate(names):
        found = values(rows, name)
        axes.hlines(place, min(found), max(found), color=style.BLUE, lw=5)
        mean = statistics.mean(found)
        axes.plot(mean, place, "o", color=style.BLUE)
        axes.annotate(
            f"{mean:.1f}",
            (min(found), place),
            (-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
        )
    teacher = 100 * next(row["teacher"] for row in rows if "teacher" in row)
    axes.axvline(teacher, color=style.GRAY, ls="--", lw=1)
    axes.set_title(f"Test accuracy in percent (dashed: teacher, {teacher:.1f})")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.margins(x=0.12)
    return figure


def learning_curve(new_figure, rows, pools):
    """The error that the student adds, by the size of the pool.

    Means with the range over the seeds. Beside it what bounds on learning from
    a sample say: what the student lacks beyond the oracle, which lacks no
    images, falls with the square root of their number.
    """
    points = [(size, lacking(rows, name)) for name, size in pools.items()]
    points = [(size, lost) for size, lost in points if lost]
    if len(points) < 3:
        return None
    figure = new_figure(5.5, 3.6)
    axes = figure.subplots()
    sizes = [size for size, _ in points]
    means = [statistics.mean(lost) for _, lost in points]
    axes.plot(sizes, means, "o-", color=style.BLUE, label="student")
    for size, lost in points:
        axes.vlines(size, min(lost), max(lost), color=style.BLUE, lw=1)
    oracle = lacking(rows, ORACLE)
    if oracle:
        floor = statistics.mean(oracle)
        between = np.geomspace(sizes[0], sizes[-1])
        fall = floor + (means[0] - floor) * (sizes[0] / between) ** 0.5
        axes.plot(
            between, fall, "--", color=style.GRAY, label="oracle + c / √images"
        )
        axes.axhline(floor, color=style.GRAY, ls=":", label="oracle")
    axes.set_ylim(bottom=0)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xlabel("unlabeled images in the pool")
    axes.set_title("Points below the teacher")
    axes.legend(loc="lower left")
    return figure
