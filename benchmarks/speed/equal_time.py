"""Stored views or a live teacher: the accuracy of both after equal time.

    python -m benchmarks.speed.equal_time --teacher=runs/digits/teacher.keras

The digits example over seeds. The live run has the config's epochs; the stored
one asks the teacher about four views of each image, and then trains for as
many epochs as fit into the rest of the time that the live one of the first
seed took. Asking and training are what is timed. Writes equal_time.json and
equal_time.md beside this file; a killed benchmark goes on.
"""

import json
import statistics
from pathlib import Path

from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from configs import digits
from tfdcu.workdir.atomic import atomic_write

HERE = Path(__file__).parent
VIEWS = 4


def run(views, epochs, seed):
    """One run: accuracy, agreement on held-out pool images, and seconds."""
    config = digits.get_config().to_dict()
    config.pop("train_teacher")
    config["training"]["epochs"] = epochs
    config["targets"]["views"] = views
    config["export"]["formats"] = ("float32",)
    config |= {
        "teacher": options.TEACHER.value,
        "seed": seed,
        "baseline": False,
    }
    workdir = Path(options.RUNS.value) / f"{views}-{epochs}-{seed}"
    record = tfdcu.compress(**config, workdir=workdir)
    (student,) = (
        row
        for row in record["rows"]
        if (row["name"], row["format"]) == ("student", "keras")
    )
    seconds = record["seconds"]
    return {
        "views": views,
        "epochs": epochs,
        "seed": seed,
        "accuracy": student["accuracy"],
        "asking": seconds["store_targets"],
        "training": seconds["distill"],
    }


def epochs_in(live, stored):
    """Epochs with stored views that take as long as a live run."""
    each = stored["training"] / stored["epochs"]
    left = live["asking"] + live["training"] - stored["asking"]
    return max(1, round(left / each))


def page(rows):
    """The committed text."""
    lines = [
        "# Stored views or a live teacher, at equal time",
        "",
        "`python -m benchmarks.speed.equal_time`: digits, test accuracy in "
        "percent of the last epoch, mean (lowest to highest) over the seeds. "
        "The first run with stored views tells how many epochs fit into the "
        "time of the live one.",
        "",
        "| teacher | seeds | epochs | seconds | accuracy |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind in dict.fromkeys((r["views"], r["epochs"]) for r in rows):
        own = [r for r in rows if (r["views"], r["epochs"]) == kind]
        found = [100 * row["accuracy"] for row in own]
        seconds = [row["asking"] + row["training"] for row in own]
        name = f"{kind[0]} stored views" if kind[0] else "live"
        lines.append(
            f"| {name} | {len(own)} | {kind[1]} | "
            f"{statistics.median(seconds):.0f} | {statistics.mean(found):.2f} "
            f"({min(found):.1f} to {max(found):.1f}) |"
        )
    return "\n".join(lines) + "\n"


def main(argv):
    del argv
    file = HERE / "equal_time.json"
    rows = json.loads(file.read_text("utf-8")) if file.exists() else []

    def row(views, epochs, seed):
        for known in rows:
            if [known[k] for k in ("views", "epochs", "seed")] == [
                views,
                epochs,
                seed,
            ]:
                return known
        rows.append(run(views, epochs, seed))
        with atomic_write(file, file.with_suffix(".md")) as (data, text):
            data.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
            text.write_text(page(rows), "utf-8")
        return rows[-1]

    epochs = digits.get_config().training.epochs
    longer = epochs_in(row(0, epochs, 0), row(VIEWS, epochs, 0))
    for seed in range(options.SEEDS.value):
        row(0, epochs, seed)
        row(VIEWS, longer, seed)
    print(page(rows))


if __name__ == "__main__":
    flags.mark_flags_as_required(["teacher"])
    flags.set_default(options.RUNS, "runs/equal_time")
    app.run(main)
