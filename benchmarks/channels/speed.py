"""Seconds to prune, against Torch-Pruning, and growth with depth.

Both sides prune the same two networks, L1 importance, to about half the
macs, in turns in one run on one machine; the first pruning of each is a
warm-up. Ours meets a budget (`macs=0.5`) and returns a new model; theirs cuts
30 % of the channels of every layer in place, so it is timed with and without a
copy made first. What Keras alone needs to make the layers of the result, one
`keras.models.clone_model`, is measured beside them: no tool that returns a new
Keras model can be faster. Building the networks and counting macs is not
measured.

    python -m benchmarks.channels.speed --torch /tmp/tp/bin/python
    python -m benchmarks.channels.speed --growth
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.channels.applications import write

HERE = Path(__file__).parent
TABLE = HERE / "speed.json"
NETS = "resnet50", "resnet56"
GROWTH = (
    "ResNet50 ResNet101 ResNet152 EfficientNetB0 EfficientNetB1 "
    "EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 "
    "EfficientNetB6 EfficientNetB7"
).split()
ROUNDS, GROWTH_ROUNDS = 5, 3


def prune(model):
    """Seconds of a call, of its planning, of cloning the result; macs left."""
    import keras

    from tfdcu.graph.macs import total_macs
    from tfdcu.pruning import plan_channels

    before = total_macs(model)
    start = time.perf_counter()
    plan = plan_channels(model, macs=0.5, importance="l1")
    planned = time.perf_counter()
    smaller = plan.apply()
    done = time.perf_counter()
    keras.models.clone_model(smaller)
    cloned = time.perf_counter()
    left = total_macs(smaller) / before
    return done - start, planned - start, cloned - done, left


def build(name):
    import keras

    from tfdcu.models import build as build_model

    if name == "resnet56":
        return build_model("resnet56", num_classes=10, seed=0)
    return keras.applications.ResNet50(weights=None)


def against_torch(python):
    models = {name: build(name) for name in NETS}
    theirs = subprocess.Popen(
        [python, str(HERE / "speed_torch.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows = {name: {"ours": [], "theirs": []} for name in NETS}
    for turn in range(ROUNDS + 1):
        for name in NETS:
            mine = prune(models[name])
            theirs.stdin.write(name + "\n")
            theirs.stdin.flush()
            other = [float(x) for x in theirs.stdout.readline().split()]
            if turn:
                rows[name]["ours"].append(mine)
                rows[name]["theirs"].append(other)
            print(turn, name, mine, other, flush=True)
    theirs.stdin.close()
    return rows


def growth():
    import keras

    rows = []
    for name in GROWTH:
        model = getattr(keras.applications, name)(weights=None)
        num_layers = len(model.layers)
        seconds = [prune(model)[0] for _ in range(GROWTH_ROUNDS)]
        rows.append([name, num_layers, statistics.median(seconds)])
        print(rows[-1], flush=True)
        keras.backend.clear_session()
    return rows


def render(record):
    """The tables as Markdown."""
    lines = [
        "# Seconds to prune",
        "",
        "Written by `python -m benchmarks.channels.speed --torch <python>` "
        "and `--growth`. Two shared CPU cores. Against Torch-Pruning, medians "
        f"of {ROUNDS} in turns, lowest and highest in brackets; by depth, "
        f"medians of {GROWTH_ROUNDS}.",
        "",
    ]
    if "torch" in record:
        lines += [
            "| network | tfdcu s | of it planning | macs left | Keras' clone s "
            "| Torch-Pruning s | with a copy s | macs left | ratio |",
            "|---|" + "---:|" * 8,
        ]
        for name, row in record["torch"].items():
            mine, planning, clone, left = map(
                statistics.median, zip(*row["ours"])
            )
            theirs, copied, rest = map(statistics.median, zip(*row["theirs"]))
            lines.append(
                f"| {name} | {mine:.3f} {_range(row['ours'])} | "
                f"{planning:.3f} | {left:.3f} | {clone:.3f} | "
                f"{theirs:.3f} {_range(row['theirs'])} | {copied:.3f} | "
                f"{rest:.3f} | {mine / theirs:.2f} |"
            )
        lines.append("")
    if "growth" in record:
        lines += [
            "| network | layers | s | ms a layer |",
            "|---|---:|---:|---:|",
        ]
        for name, num_layers, seconds in record["growth"]:
            each = 1000 * seconds / num_layers
            lines.append(
                f"| {name} | {num_layers} | {seconds:.2f} | {each:.1f} |"
            )
    return "\n".join(lines) + "\n"


def _range(rows):
    seconds = [row[0] for row in rows]
    return f"({min(seconds):.3f} to {max(seconds):.3f})"


def main(arguments):
    record = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    if "--torch" in arguments:
        python = arguments[arguments.index("--torch") + 1]
        record["torch"] = against_torch(python)
    if "--growth" in arguments:
        record["growth"] = growth()
    write(TABLE, json.dumps(record, indent=1) + "\n")
    write(TABLE.with_suffix(".md"), render(record))


if __name__ == "__main__":
    main(sys.argv[1:])
