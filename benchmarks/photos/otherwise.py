"""What one would do without tfdcu, on the same photos and for as many epochs.

    python -m benchmarks.photos.otherwise --photos=../shared/photos \\
        --teacher=../shared/models/clothes_lite0_192.keras --seeds=1

Beside the row "0.5 of the macs at 160 px" of `benchmarks.photos.clothes`, whose
runs must be in `--runs`: its cut network trained on the 200 labels alone, and a
new MobileNetV2 of width 0.35, with fewer macs than the cut, that mimics the
teacher on labeled and unlabeled photos. Accuracy is of the test photos after
the last epoch. Writes otherwise.json after each run and otherwise.md from it;
continues after a kill.
"""

from pathlib import Path

import keras
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from benchmarks.photos.clothes import config_of
from benchmarks.photos.clothes import folder_of
from benchmarks.resumable import by_seed
from benchmarks.resumable import fill
from benchmarks.spread import percent
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.distill import distill
from tfdcu.stages.distill import train_baseline
from tfdcu.stages.prune import prune
from tfdcu.stages.start import start_run

TABLE = Path(__file__).parent / "otherwise"
ROW = "0.5 of the macs at 160 px"


def labels_alone(config, like, folder):
    """The cut network of a run, trained on the labels."""
    run = open_run(config, like / "pruned.keras", folder, baseline=True)
    through(run, prune, train_baseline)
    return run.models["baseline"]


def another_network(config, like, folder):
    """A small network from scratch, by distillation."""
    del like
    keras.utils.set_random_seed(config["seed"])
    size = config["channels"]["image_size"]
    net = keras.applications.MobileNetV2(
        (size, size, 3), alpha=0.35, weights=None, classes=10
    )
    run = open_run(config, net, folder, baseline=False)
    through(run, prune, distill)
    return run.models["student"]


def through(run, *stages):
    """Run some stages as `compress` does."""
    try:
        for stage in stages:
            with run.workdir.stage(stage.__name__):
                stage(run)
    finally:
        run.lock.release()


ROWS = {
    "its cut, trained on the labels alone": labels_alone,
    "MobileNetV2 0.35 from scratch, distilled": another_network,
}


def main(argv):
    del argv
    wanted = by_seed(options.ROWS.value or ROWS, options.SEEDS.value)
    fill(TABLE, wanted, measured, as_table)


def measured(name, seed):
    """What a row gives: accuracy and macs."""
    runs = Path(options.RUNS.value)
    config, like = config_of(ROW, seed, runs), folder_of(ROW, seed, runs)
    if not (like / "report.json").exists():
        raise SystemExit(
            "Stopped: there is nothing to compare with. Expected: the run of "
            f"benchmarks.photos.clothes. Received: {like}"
        )
    folder = folder_of(name.replace(",", ""), seed, runs)
    model = ROWS[name](config, like, folder)
    return {
        "accuracy": tfdcu.evaluate(model, config["test"])["accuracy"],
        "macs": tfdcu.profile(model)["macs"],
    }


def open_run(config, student, folder, baseline):
    """A `Run` with a given student."""
    sections = {name: config[name] for name in SECTIONS} | {"channels": None}
    sources = ("labeled", "unlabeled", "validation", "test")
    return start_run(
        config["teacher"],
        config["preprocess"],
        student,
        {name: config[name] for name in sources},
        sections,
        folder,
        baseline,
        config["seed"],
    )


def as_table(rows):
    """The means over seeds as Markdown."""
    lines = [
        "# Clothes: what one would do otherwise",
        "",
        "Written by `python -m benchmarks.photos.otherwise`. Test accuracy in "
        "percent after the last epoch, mean over the seeds (lowest to "
        "highest). clothes.md has the student of tfdcu.",
        "",
        "| | seeds | accuracy | macs (M) |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["row"] for row in rows):
        mine = [row for row in rows if row["row"] == name]
        accuracy = percent([row["accuracy"] for row in mine])
        macs = f"{mine[0]['macs'] / 1e6:.0f}"
        lines.append(f"| {name} | {len(mine)} | {accuracy} | {macs} |")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.mark_flags_as_required(["photos", "teacher"])
    flags.set_default(options.RUNS, "runs/photos")
    flags.set_default(options.SEEDS, 1)
    app.run(main)
