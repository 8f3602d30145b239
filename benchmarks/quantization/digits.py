"""Digits: integer files calibrated after training, and trained for.

    python -m benchmarks.quantization.digits --seeds=3

Each seed is `tfdcu.compress` with `configs/digits.py`, with and without labels,
once for each number of bits: the float student is the same. "After training"
is `quantize_aware` without training, with the same images. Accuracy is of the
500 test images, agreement that with the teacher on 500 held-out pool images.
Writes digits.json after each run and digits.md from it; continues after a kill.
"""

import json
from pathlib import Path

import numpy as np
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from configs import digits
from tfdcu.data import images_of
from tfdcu.data import open_source
from tfdcu.export import inspect_litert
from tfdcu.workdir.atomic import atomic_write

TABLE = Path(__file__).parent / "digits"
ROWS = {
    "8 bits": (8, 5),
    "4 bits": (4, 5),
    "6 bits": (6, 5),
    "4 bits without labels": (4, None),
}
# Shown as percent, with their range over the seeds.
SHARES = ("float", "after training", "trained")


def main(argv):
    del argv
    runs, file = Path(options.RUNS.value), TABLE.with_suffix(".json")
    rows = json.loads(file.read_text("utf-8")) if file.exists() else []
    teacher = runs / "teacher.keras"
    config = digits.get_config().to_dict()
    tfdcu.train_teacher(teacher, **config.pop("train_teacher"))
    for seed in range(options.SEEDS.value):
        for name in options.ROWS.value or ROWS:
            if (name, seed) in [(row["row"], row["seed"]) for row in rows]:
                continue
            folder = runs / f"{name.replace(' ', '_')}_{seed}"
            found = measured(config, teacher, *ROWS[name], seed, folder)
            rows.append({"row": name, "seed": seed} | found)
            with atomic_write(file, TABLE.with_suffix(".md")) as (data, text):
                data.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
                text.write_text(as_table(rows) + "\n", "utf-8")
    print(as_table(rows))


def measured(config, teacher, bits, labels, seed, folder):
    """What a run gives, as flat numbers.

    Args:
        config: Dict of arguments of `compress`.
        teacher: Path of the teacher.
        bits: `quantization.weight_bits`.
        labels: Labeled images per class, or `None`.
        seed: Int.
        folder: The run's workdir.

    Returns:
        Dict of floats.
    """
    config = config | {
        "teacher": str(teacher),
        "labeled": "digits" if labels else None,
        "baseline": False,
        "seed": seed,
        "data": config["data"] | {"labels_per_class": labels},
        "quantization": {"weight_bits": bits},
        "export": config["export"] | {"formats": ("float32", "int8")},
    }
    report = tfdcu.compress(**config, workdir=folder)
    test = images_of(open_source("digits", split="test"), 500)
    file = folder / "student_int8_weight4.tflite"
    if not file.exists():
        file = folder / "student_int8.tflite"
    steps = {
        name: json.loads((folder / f"training/{name}.json").read_text("utf-8"))
        for name in ("student", "quantized_start", "quantized")
    }
    rows = {row["format"]: row for row in report["rows"][1:]}
    quantized = tfdcu.models.load(folder / "quantized.keras")
    runs = tfdcu.LiteRTModel(file)
    difference = np.abs(quantized.predict(test, verbose=0) - runs(test))
    own = rows[inspect_litert(file)["format"]]
    before = tfdcu.models.load(folder / "quantized_start.keras")
    return {
        "float": rows["float32"]["accuracy"],
        "after training": tfdcu.evaluate(before, "digits", split="test")[
            "accuracy"
        ],
        "trained": own["accuracy"],
        "pool float": steps["student"]["agreement_pool"][-1],
        "pool after training": steps["quantized_start"]["agreement_pool"],
        "pool trained": steps["quantized"]["agreement_pool"][-1],
        "largest difference": float(difference.max() / runs.output_step),
        "bytes": own["bytes"],
        "gzip": own["gzip_bytes"],
        "latency": own["latency_ms"] / rows["float32"]["latency_ms"],
        "seconds": report["seconds"]["quantize"] / report["seconds"]["distill"],
    }


def as_table(rows):
    """The means over seeds as Markdown, accuracies with their range."""
    lines = [
        "# Digits: integers, calibrated or trained",
        "",
        "Written by `python -m benchmarks.quantization.digits`. Test accuracy "
        "in percent, and agreement with the teacher on held-out pool images in "
        "parentheses, means over the seeds; the largest difference of the file "
        "from the Keras model in steps of its outputs; latency of one thread "
        "as a share of the student's float32 file; seconds of the stage as a "
        "share of those of the float training.",
        "",
        "| weights | seeds | float | after training | trained | difference | "
        "bytes | gzipped | latency | time |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["row"] for row in rows):
        mine = [row for row in rows if row["row"] == name]

        def mean(key, mine=mine):
            return np.mean([row[key] for row in mine])

        cells = [name, str(len(mine))]
        for key in SHARES:
            percent = [100 * row[key] for row in mine]
            low, high = min(percent), max(percent)
            spread = f", {low:.1f} to {high:.1f}" if high > low else ""
            pool = 100 * mean(f"pool {key}")
            cells.append(f"{np.mean(percent):.1f}{spread} ({pool:.1f})")
        cells += [
            f"{max(row['largest difference'] for row in mine):.1f}",
            f"{mean('bytes'):,.0f}",
            f"{mean('gzip'):,.0f}",
            f"{mean('latency'):.2f}",
            f"{mean('seconds'):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.set_default(options.RUNS, "runs/quantization")
    flags.set_default(options.SEEDS, 3)
    app.run(main)
