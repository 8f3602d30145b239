"""The speed of tfdcu, compared with its limits and with other tools.

    TF_ENABLE_ONEDNN_OPTS=1 python -m benchmarks.speed.side_by_side \\
        --teacher=resnet56_cifar10.keras --data_dir=tensorflow_datasets \\
        --torch=/tmp/torch/bin/python

The teacher is a CIFAR ResNet-56, the student the same with half its macs; a
batch is 64 labeled and 64 pool images, float32. Variants are measured in turns;
ratios are medians of pairs with the lowest and the highest. Rows that are in
side_by_side.json are not measured again unless `--rows` names them. Writes
side_by_side.json and side_by_side.md after each row. Run nothing else: the load
of the machine is recorded with each row.
"""

from pathlib import Path

from absl import app
from absl import flags

from benchmarks import options
from benchmarks.speed.rows import ROWS
from benchmarks.speed.rows import measure
from benchmarks.speed.workload import open_workload

HERE = Path(__file__).parent
TORCH = flags.DEFINE_string(
    "torch", None, "The Python of PyTorch's environment."
)
TURNS = flags.DEFINE_integer("turns", 5, "How often each is measured.")
STEPS = flags.DEFINE_integer("steps", 24, "Steps of one measurement.")
OUT = flags.DEFINE_string("out", str(HERE), "Folder of the tables.")


def main(argv):
    del argv
    unknown = set(options.ROWS.value) - set(ROWS)
    if unknown:
        raise SystemExit(
            f"Stopped: unknown rows. Expected: some of {list(ROWS)}. "
            f"Received: {sorted(unknown)}"
        )
    workload = open_workload(
        options.TEACHER.value,
        options.DATA_DIR.value,
        options.RUNS.value,
        turns=TURNS.value,
        steps=STEPS.value,
        torch=TORCH.value,
    )
    file = Path(OUT.value) / "side_by_side.json"
    measure(workload, file, options.ROWS.value)


if __name__ == "__main__":
    flags.mark_flags_as_required(["teacher", "data_dir"])
    flags.set_default(options.RUNS, "runs/speed")
    app.run(main)
