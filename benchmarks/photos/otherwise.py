"""What one would do without tfdcu, on the same photos and for as many epochs.

    python -m benchmarks.photos.otherwise --photos=../shared/photos \\
        --teacher=../shared/models/clothes_lite0_192.keras --seeds=1

Beside the row "0.5 of the macs at 160 px" of `benchmarks.photos.clothes`, whose
runs must be in `--runs`: its cut network trained on the 200 labels alone; a
new MobileNetV2 of width 0.35, with fewer macs than the cut, that mimics the
teacher on labeled and unlabeled photos; and Torch-Pruning's group norm cut of
the same network to the same macs, as it is, trained on the labels, and with
the same distillation in PyTorch (`--torch`: the interpreter of an environment
of its own, see `torch_side.py`; without it these rows are left out). Accuracy
is of the test photos after the last epoch. Writes otherwise.json after each
run and otherwise.md from it; continues after a kill.
"""

import json
import subprocess
from pathlib import Path

import keras
import numpy as np
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
from tfdcu.training.train import default_rate

TORCH = flags.DEFINE_string("torch", None, "Python with torch_pruning.")
SIDE = Path(__file__).parent / "torch_side.py"
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


def in_torch(mode):
    """A row that `torch_side.py` measures: a function as the other rows."""

    def measure(config, like, folder):
        teacher = tfdcu.models.load(config["teacher"])
        student = tfdcu.models.load(like / "student.keras")
        run = open_run(config, like / "pruned.keras", folder, baseline=False)
        run.lock.release()
        file = folder / "task.npz"
        np.savez(
            file,
            **weights_of(teacher),
            **photos_of(run.splits, student.input_shape[1]),
            size=student.input_shape[1],
            macs=tfdcu.profile(student)["macs"],
            rate=default_rate(student, "adam"),
            epochs=config["training"]["epochs"],
            seed=config["seed"],
            mode=mode,
        )
        process = subprocess.run(
            [TORCH.value, str(SIDE), str(file)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        file.unlink()
        return json.loads(process.stdout.splitlines()[-1])

    return measure


def weights_of(teacher):
    """EfficientNet-Lite0's weights and the strides of its blocks."""
    values = {
        f"weights/{layer.name}/{index}": value
        for layer in teacher.layers
        for index, value in enumerate(layer.get_weights())
    }
    blocks = [n for n in teacher.layers if "depthwise" in n.name]
    return values | {"strides": [layer.strides[0] for layer in blocks]}


def photos_of(splits, size):
    """Photos as bytes: to train on as the teacher sees them, and to test."""

    def read(source):
        images = tfdcu.data.images_of(source, source.num_images)
        return np.round(255 * images).astype("uint8")

    few, test = splits.labeled, splits.test
    return {
        "labeled": read(few),
        "labels": few.labels(),
        "pool": read(splits.unlabeled),
        "test": read(test.sized((size, size, 3))),
        "test_of_teacher": read(test),
        "test_labels": test.labels(),
    }


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
    "Torch-Pruning's cut": in_torch("untrained"),
    "Torch-Pruning's cut, trained on the labels alone": in_torch("labels"),
    "Torch-Pruning's cut, distilled in PyTorch": in_torch("distilled"),
}


def main(argv):
    del argv
    rows = options.ROWS.value or [
        name for name in ROWS if TORCH.value or "Torch" not in name
    ]
    wanted = by_seed(rows, options.SEEDS.value)
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
    folder = folder_of(name.replace(",", "").replace("'", ""), seed, runs)
    found = ROWS[name](config, like, folder)
    if isinstance(found, dict):
        return found
    return {
        "accuracy": tfdcu.evaluate(found, config["test"])["accuracy"],
        "macs": tfdcu.profile(found)["macs"],
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
        "highest). clothes_lite0_192.md has the student of tfdcu.",
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
