"""CIFAR-10: ResNet-56 at 0.47 of its macs, with integers or trained for them.

    python -m benchmarks.quantization.cifar10 \\
        --teacher=../shared/models/resnet56_cifar10.keras \\
        --data_dir=../shared/data --seeds=1

Each seed is `tfdcu.compress` with `configs/cifar10_resnet56.py`, but four
epochs in place of twelve: what counts here is what integers cost the same
student. Accuracy is of the 10,000 test images, agreement that with the teacher
on held-out images of the pool. Writes cifar10.json after each run and
cifar10.md from it; continues after a kill.
"""

from pathlib import Path

from absl import app
from absl import flags

from benchmarks import options
from benchmarks.quantization.compare import compare
from configs import cifar10_resnet56

TABLE = Path(__file__).parent / "cifar10"
ROWS = "8 bits", "4 bits"
MACS, EPOCHS = 0.47, 4


def main(argv):
    del argv
    runs = Path(options.RUNS.value)
    config = cifar10_resnet56.get_config().to_dict()

    def config_of(labels, seed):
        data = {"data_dir": options.DATA_DIR.value}
        if not labels:
            data["labels_per_class"] = None
        return config | {
            "teacher": options.TEACHER.value,
            "labeled": config["labeled"] if labels else None,
            "baseline": False,
            "seed": seed,
            "data": config["data"] | data,
            "channels": config["channels"] | {"macs": MACS},
            "training": config["training"] | {"epochs": EPOCHS},
            "export": config["export"] | {"formats": ("float32", "int8")},
            "workdir": runs
            / f"cifar10_{'labels' if labels else 'pool'}_{seed}",
        }

    compare(TABLE, options.ROWS.value or ROWS, config_of)


if __name__ == "__main__":
    flags.mark_flags_as_required(["teacher", "data_dir"])
    flags.set_default(options.RUNS, "runs/quantization")
    flags.set_default(options.SEEDS, 3)
    app.run(main)
