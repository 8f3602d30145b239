"""Integer files calibrated after training against those that are trained for.

Shared by the tables of one task each. A seed is one float student of
`tfdcu.compress`; each number of bits is trained from it. "After training" is
`quantize_aware` without training, with the same images; "int8 calibrated" is
the plain int8 file of the float student, which runs with 4 bits write too.
"""

import json

import numpy as np

import tfdcu
from benchmarks import options
from benchmarks.resumable import by_seed
from benchmarks.resumable import fill
from benchmarks.spread import percent
from tfdcu.data import images_of
from tfdcu.data import open_source
from tfdcu.export import inspect_litert

# Bits of the weights, and whether there are labeled images.
ROWS = {
    "8 bits": (8, True),
    "4 bits": (4, True),
    "6 bits": (6, True),
    "8 bits without labels": (8, False),
    "4 bits without labels": (4, False),
}
# Shown as percent, with their range over the seeds.
SHARES = ("float", "after training", "trained")


def compare(table, chosen, config_of, program=None):
    """Measures what a table lacks and writes it after each run.

    Args:
        table: `Path` of the table without its suffix.
        chosen: Names in `ROWS`.
        config_of: Function of (labels, seed), a bool and an int, that returns
            a dict of arguments of `compress`.
        program: Name of the module that writes it. Defaults to `None`, that of
            the table.
    """
    program = program or f"benchmarks.quantization.{table.name}"

    def run(name, seed):
        bits, labels = ROWS[name]
        return measured(config_of(labels, seed), bits)

    fill(
        table,
        by_seed(chosen, options.SEEDS.value),
        run,
        lambda rows: as_table(rows, table.name, program),
    )


def measured(config, bits):
    """What a run gives with a number of bits, as flat numbers.

    Args:
        config: Dict of arguments of `compress`, with its `workdir`.
        bits: `quantization.weight_bits`.

    Returns:
        Dict of floats.
    """
    folder = config["workdir"]
    spent = seconds_of(folder, "quantize")
    report = tfdcu.compress(**config | {"quantization": {"weight_bits": bits}})
    spent = seconds_of(folder, "quantize") - spent
    file = folder / "student_int8_weight4.tflite"
    if not file.exists():
        file = folder / "student_int8.tflite"
    steps = {
        name: json.loads((folder / f"training/{name}.json").read_text("utf-8"))
        for name in ("student", "quantized_start", "quantized")
    }
    rows = {
        row["format"]: row for row in report["rows"] if row["name"] == "student"
    }
    quantized = tfdcu.models.load(folder / "quantized.keras")
    test = test_of(config, quantized.input_shape[1:])
    images = images_of(test, 500)
    runs = tfdcu.LiteRTModel(file)
    difference = np.abs(quantized.predict(images, verbose=0) - runs(images))
    own = rows[inspect_litert(file)["format"]]
    before = tfdcu.models.load(folder / "quantized_start.keras")
    calibrated = rows.get("int8", own)
    return {
        "float": rows["float32"]["accuracy"],
        # With 8 bits the int8 file is the one that was trained for it.
        "calibrated": calibrated["accuracy"] if calibrated != own else None,
        "after training": tfdcu.evaluate(before, test)["accuracy"],
        "trained": own["accuracy"],
        "pool float": steps["student"]["agreement_pool"][-1],
        "pool after training": steps["quantized_start"]["agreement_pool"],
        "pool trained": steps["quantized"]["agreement_pool"][-1],
        "largest difference": float(difference.max() / runs.output_step),
        "bytes": own["bytes"],
        "gzip": own["gzip_bytes"],
        "latency": own["latency_ms"] / rows["float32"]["latency_ms"],
        "seconds": spent / seconds_of(folder, "distill"),
    }


def test_of(config, shape):
    """The source of a config's test images, at a size."""
    data = config["data"]
    return open_source(
        config["test"],
        split=data.get("test_split"),
        data_dir=data.get("data_dir"),
        value_range=data.get("value_range", (0.0, 1.0)),
        image_shape=shape,
    )


def seconds_of(folder, stage):
    """Seconds that a run has spent in a stage, over all its starts."""
    file = folder / "seconds.json"
    if not file.exists():
        return 0.0
    return json.loads(file.read_text("utf-8")).get(stage, 0.0)


def as_table(rows, name, program):
    """The means over seeds as Markdown, accuracies with their range."""
    lines = [
        f"# {name.capitalize()}: integers, calibrated or trained",
        "",
        f"Written by `python -m {program}`. Test accuracy in percent, "
        "mean over the seeds (lowest to highest), and after the comma the "
        "agreement with the teacher on held-out pool images; the int8 file of "
        "the float student, calibrated; the largest difference of the file "
        "from the Keras model in steps of its outputs; latency of one thread "
        "as a share of the student's float32 file; seconds of the stage as a "
        "share of those of the float training.",
        "",
        "| weights | seeds | float | int8 calibrated | after training | "
        "trained | difference | bytes | gzipped | latency | time |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in dict.fromkeys(row["row"] for row in rows):
        mine = [one for one in rows if one["row"] == row]

        def mean(key, mine=mine):
            return np.mean([one[key] for one in mine])

        cells = [row, str(len(mine))]
        for key in SHARES:
            accuracy = percent([one[key] for one in mine])
            cells.append(f"{accuracy}, {100 * mean(f'pool {key}'):.1f}")
        # Older rows do not have it.
        plain = [one.get("calibrated") for one in mine]
        cells.insert(3, percent(plain) if None not in plain else "–")
        cells += [
            f"{max(one['largest difference'] for one in mine):.1f}",
            f"{mean('bytes'):,.0f}",
            f"{mean('gzip'):,.0f}",
            f"{mean('latency'):.2f}",
            f"{mean('seconds'):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
