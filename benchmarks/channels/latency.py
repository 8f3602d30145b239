"""LiteRT latency of the half-macs student against its teacher, one thread.

    python -m benchmarks.channels.latency

Networks have random weights: the time of dense arithmetic does not depend on
them. Each student is pruned in one call with `macs=0.5`, once with the default
`round_to` and once without rounding; the files of one network run in turns.
Writes `latency.json` and `latency.md` beside this file, a network at a time.
"""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np

import tfdcu
from tfdcu.export import export_all
from tfdcu.export import latency_runs
from tfdcu.graph.macs import total_macs

HERE = Path(__file__).parent
FORMATS = ("float32", "int8")
WIDTHS = "Nine 3 x 3 convolutions at 32 x 32 pixels, float32"
BY_LATENCY = "resnet56", "MobileNetV2"
NETS = {
    "CIFAR ResNet-56": ("resnet56", (32, 32, 3)),
    "MobileNetV2": ("MobileNetV2", (224, 224, 3)),
    "EfficientNetV2B0": ("EfficientNetV2B0", (224, 224, 3)),
    "ResNet50": ("ResNet50", (224, 224, 3)),
}


def measure(name, shape, runs):
    """Rows of one network: a student, a format, medians and ratios."""
    classes = 10 if shape[0] < 64 else 1000
    teacher = tfdcu.models.build(
        name, num_classes=classes, image_shape=shape, seed=0
    )
    students = {
        f"round_to={step}": tfdcu.prune_channels(
            teacher, macs=0.5, round_to=step
        )
        for step in (8, 1)
    }
    images = np.random.default_rng(0).random((100, *shape), "float32")
    if name in BY_LATENCY:
        students["latency=0.5"] = tfdcu.prune_channels(
            teacher, latency=0.5, measure=tfdcu.litert_latency
        )
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for label, model in {"teacher": teacher, **students}.items():
            paths = export_all(
                model,
                folder,
                FORMATS,
                images,
                name=label,
                num_images=100,
                # Random weights waver between classes; time is the question.
                min_agreement=0.0,
            )
            files |= {(label, kind): path for kind, path in paths.items()}
        times = latency_runs(files, runs=runs)
    return [
        {
            "student": label,
            "format": kind,
            "macs": total_macs(student) / total_macs(teacher),
            "teacher_ms": float(np.median(times["teacher", kind])),
            "student_ms": float(np.median(times[label, kind])),
            "quartiles_ms": np.percentile(
                times[label, kind], (25, 75)
            ).tolist(),
        }
        for label, student in students.items()
        for kind in FORMATS
    ]


def widths(sizes=(4, 8, 12, 16, 24, 32, 48, 64), runs=200):
    """Milliseconds and macs of nine equal convolutions, by their width."""
    rows, files = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            x = inputs = keras.Input((32, 32, size))
            for _ in range(9):
                x = keras.layers.Conv2D(size, 3, padding="same")(x)
            x = keras.layers.GlobalAveragePooling2D()(x)
            model = keras.Model(inputs, x)
            rows[size] = {"macs": total_macs(model)}
            noise = np.random.default_rng(0).random((1, 32, 32, size))
            files[size] = tfdcu.export_litert(
                model, Path(folder) / f"{size}.tflite", images=noise
            )
        for size, times in latency_runs(files, runs=runs).items():
            rows[size]["ms"] = float(np.median(times))
    return rows


def width_table(rows):
    """Markdown: what a multiply-accumulate costs in layers of a width."""
    least = min(row["ms"] / row["macs"] for row in rows.values())
    lines = [
        "| channels | ms | a mac costs, the cheapest 1x |",
        "|---:|---:|---:|",
    ]
    lines += [
        f"| {size} | {row['ms']:.3f} | {row['ms'] / row['macs'] / least:.1f}x |"
        for size, row in rows.items()
    ]
    return "\n".join(lines)


def table(results):
    """The measured rows as Markdown."""
    lines = [
        "| network | student | format | macs | teacher, ms | student, ms "
        "| time left |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, rows in results.items():
        for row in rows:
            share = row["student_ms"] / row["teacher_ms"]
            lines.append(
                f"| {name} | {row['student']} | {row['format']} | "
                f"{row['macs']:.2f} | {row['teacher_ms']:.3f} | "
                f"{row['student_ms']:.3f} | {share:.2f} |"
            )
    return "\n".join(lines)


def main():
    file = HERE / "latency.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for title, (name, shape) in NETS.items():
        if title in results:
            continue
        keras.backend.clear_session()
        runs = 200 if shape[0] < 64 else 50
        results[title] = measure(name, shape, runs)
        file.write_text(json.dumps(results, indent=1) + "\n")
        print(table({title: results[title]}), flush=True)
    if WIDTHS not in results:
        results[WIDTHS] = widths()
        file.write_text(json.dumps(results, indent=1) + "\n")
    text = (
        "# LiteRT latency at half the macs\n\n"
        "`python -m benchmarks.channels.latency`: batch 1, one thread, "
        "medians, the files of a network in turns.\n\n"
    )
    nets = {title: results[title] for title in NETS}
    text += f"{table(nets)}\n\n## {WIDTHS}\n\n{width_table(results[WIDTHS])}"
    (HERE / "latency.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
