"""Accuracy against latency: a teacher and students of several sizes.

    tfdcu train-teacher --config=digits
    python -m benchmarks.accuracy.front --teacher=runs/digits/teacher.keras

One run of the config `digits` for each size, of the same seed. Writes
front.json, and front.png from it; runs that are finished are read again.
"""

import json
from pathlib import Path

from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from tfdcu.report import style
from tfdcu.report.rows import is_student
from tfdcu.report.rows import is_teacher
from tfdcu.workdir.atomic import atomic_write
from tfdcu_cli.configs import digits

# Parts of the teacher's weights that the students keep.
PARTS = (4, 8, 16, 32, 64)
COLUMNS = ("format", "accuracy", "macs", "bytes", "latency_ms")
SERIES = {"float32": ("o", style.BLUE), "int8": ("^", style.ORANGE)}


def main(argv):
    del argv
    record = {f"1/{part}": files_of(part) for part in PARTS}
    write(Path(__file__).with_name("front"), record)


def files_of(part):
    """The files of one run: the teacher's float32 file and the student's."""
    config = digits.get_config()
    config.teacher = options.TEACHER.value
    config.channels.params = 1 / part
    config.export.formats = tuple(SERIES)
    config.baseline = False
    config = config.to_dict()
    del config["train_teacher"]
    folder = Path(options.RUNS.value) / f"front_{part}"
    rows = tfdcu.compress(**config, workdir=folder)["rows"]
    return {
        name: [{key: row[key] for key in COLUMNS} for row in rows if mine(row)]
        for name, mine in (("teacher", is_teacher), ("student", is_student))
    }


def write(path, record):
    """Writes `<path>.json` and `<path>.png`."""
    picture = style.draw(draw, record)
    with atomic_write(f"{path}.json", f"{path}.png") as (data, image):
        data.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        image.write_bytes(picture)


def draw(new_figure, record):
    """The figure: one line of students a format, a square for the teacher."""
    figure = new_figure(6.4, 3.4)
    axes = figure.subplots()
    axes.set(
        xscale="log",
        xlabel="latency of one image, microseconds (one thread)",
        ylabel="test accuracy, %",
    )
    every = [place("float32", run["teacher"]) for run in record.values()]
    # The runs time the teacher again: the median of them.
    teacher = sorted(every)[len(every) // 2]
    for kind, (marker, color) in SERIES.items():
        places = [place(kind, run["student"]) for run in record.values()]
        every += places
        axes.plot(
            *zip(*places),
            marker=marker,
            ls="-" if kind == "int8" else ":",
            markersize=8,
            color=color,
            markeredgecolor="white",
            label=f"students, {kind}",
        )
    axes.plot(
        *teacher,
        "s",
        ls="",
        color=style.BLACK,
        markersize=9,
        label="teacher, float32",
    )
    for size, run in record.items():
        # The first is above its mark: it is long, and the next is near.
        first = size == "1/4"
        axes.annotate(
            f"{size} of the weights" if first else size,
            place("int8", run["student"]),
            xytext=(0, 9) if first else (-8, 3),
            textcoords="offset points",
            ha="center" if first else "right",
            fontsize=8.5,
        )
    fastest, slowest = min(x for x, _ in every), max(x for x, _ in every)
    axes.set_xlim(fastest / 1.3, slowest * 1.3)
    style.plain_log(axes.xaxis, slowest / fastest * 1.7)
    axes.margins(y=0.15)
    axes.legend(loc="lower right")
    return figure


def place(kind, files):
    """(microseconds, percent) of the file of one format."""
    file = next(one for one in files if one["format"] == kind)
    return 1000 * file["latency_ms"], 100 * file["accuracy"]


if __name__ == "__main__":
    flags.set_default(options.TEACHER, "runs/digits/teacher.keras")
    app.run(main)
