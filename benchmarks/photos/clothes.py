"""Real photos: a teacher of ten kinds of clothes at 192 px.

    python -m benchmarks.photos.clothes --photos=../shared/photos \\
        --teacher=../shared/models/clothes_lite0_192.keras --seeds=3

Each row is `tfdcu.compress` with `configs/photos.py`: 20 labels a class or
none, and a pool of 2,000 photos of other things, with or without photos of
clothes among them. `--photos` holds
`clothes/{train,validation,test}`, with a folder a class, and the folders
`pool` and `imagenet1000`. Accuracy is of the test photos, before training (the
pruned and reconstructed network) and after the last epoch. Writes a table of
the teacher's name after each run, here clothes_lite0_192.json and .md;
continues after a kill. `python -m benchmarks.photos.mobilenet_v2` makes another
teacher, whose runs need a folder of their own, such as `--runs=runs/mobilenet`.
"""

import shutil
from pathlib import Path

import numpy as np
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from benchmarks.resumable import by_seed
from benchmarks.resumable import fill
from benchmarks.spread import percent
from configs import photos

# Share of the macs, size of the student's photos, labels a class, and photos
# of each class in the pool. The tables have rows of earlier defaults, too:
# batches of 32 photos, four rounds.
ROWS = {
    "0.5 of the macs at 160 px": (0.5, 160, 20, 0),
    "0.5 of the macs at 160 px without labels": (0.5, 160, None, 0),
    "0.5 at 160 px with 20 unlabeled photos a class": (0.5, 160, None, 20),
    "0.5 at 160 px with 20 photos a class and 20 unlabeled": (0.5, 160, 20, 20),
    "0.5 of the macs at 128 px": (0.5, 128, 20, 0),
    "0.5 of the macs at 128 px without labels": (0.5, 128, None, 0),
    "0.3 of the macs at 128 px": (0.3, 128, 20, 0),
    "0.3 of the macs at 160 px": (0.3, 160, 20, 0),
    "0.5 of the macs at 192 px": (0.5, None, 20, 0),
}


def main(argv):
    del argv
    runs = Path(options.RUNS.value)

    def run(name, seed):
        config = config_of(name, seed, runs)
        return measured(config, folder_of(name, seed, runs))

    wanted = by_seed(options.ROWS.value or ROWS, options.SEEDS.value)
    teacher = Path(options.TEACHER.value).stem
    table = Path(__file__).parent / teacher
    fill(table, wanted, run, lambda rows: as_table(rows, teacher))


def config_of(name, seed, runs):
    """The arguments of `compress` for a row."""
    macs, size, labels, own = ROWS[name]
    config = photos.get_config().to_dict()
    clothes = f"folder:{options.PHOTOS.value}/clothes"
    pool = pool_of(Path(options.PHOTOS.value), runs, own)
    config |= {
        "teacher": options.TEACHER.value,
        "labeled": labels and f"{clothes}/train",
        "unlabeled": f"folder:{pool}",
        "validation": f"{clothes}/validation",
        "test": f"{clothes}/test",
        "seed": seed,
    }
    config["data"]["labels_per_class"] = labels
    config["channels"] |= {"macs": macs, "image_size": size}
    config["export"]["formats"] = ("float32", "int8")
    return config


def folder_of(name, seed, runs):
    """The workdir of a row."""
    return runs / f"{name.replace(' ', '_')}_{seed}"


def pool_of(folder, runs, own):
    """A folder with the photos of both pools, and some of each class."""
    pool = runs / (f"pool_and_{own}" if own else "pool")
    for name in ("pool", "imagenet1000"):
        shutil.copytree(folder / name, pool / name, dirs_exist_ok=True)
    if own:
        for kind in sorted((folder / "clothes" / "train").iterdir()):
            files = sorted(kind.iterdir())
            for file in files[:: len(files) // own][:own]:
                shutil.copy(file, pool / f"{kind.name}_{file.name}")
    return pool


def measured(config, folder):
    """What a run gives, as flat numbers.

    Args:
        config: Dict of arguments of `compress`.
        folder: The run's workdir.

    Returns:
        Dict of floats: accuracies, shares of the latency and the size of the
        teacher's float32 file, seconds.
    """
    report = tfdcu.compress(**config, workdir=folder)
    rows = {(row["name"], row["format"]): row for row in report["rows"]}
    original, int8 = rows["teacher", "float32"], rows["student", "int8"]
    teacher = original["latency_ms"]
    before = tfdcu.evaluate(folder / "pruned.keras", config["test"])
    return {
        "teacher": rows["teacher", "keras"]["accuracy"],
        "before training": before["accuracy"],
        "student": rows["student", "keras"]["accuracy"],
        "int8": int8["accuracy"],
        "float32 time": rows["student", "float32"]["latency_ms"] / teacher,
        "int8 time": int8["latency_ms"] / teacher,
        "int8 size": int8["bytes"] / original["bytes"],
        "seconds": sum(report["seconds"].values()),
    }


def as_table(rows, teacher):
    """The means over seeds as Markdown, accuracies with their range."""
    accuracies = ("teacher", "before training", "student", "int8")
    lines = [
        f"# Clothes: the teacher {teacher}",
        "",
        "Written by `python -m benchmarks.photos.clothes`. Test accuracy in "
        "percent, mean over the seeds (lowest to highest); latency of one "
        "thread and size as shares of the teacher's float32 file; minutes of "
        "the whole run.",
        "",
        "| | seeds | teacher | before training | student | int8 | float32 "
        "latency | int8 latency | int8 size | minutes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["row"] for row in rows):
        mine = [row for row in rows if row["row"] == name]
        cells = [name, str(len(mine))]
        for key in accuracies:
            cells.append(percent([row[key] for row in mine]))
        for key in ("float32 time", "int8 time", "int8 size"):
            # The oldest rows have no sizes.
            shares = [row[key] for row in mine if key in row]
            cells.append(f"{np.mean(shares):.2f}" if shares else "–")
        cells.append(f"{np.mean([row['seconds'] for row in mine]) / 60:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.mark_flags_as_required(["photos", "teacher"])
    flags.set_default(options.RUNS, "runs/photos")
    flags.set_default(options.SEEDS, 3)
    app.run(main)
