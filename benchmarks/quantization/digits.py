"""Digits: integer files calibrated after training, and trained for.

    python -m benchmarks.quantization.digits --seeds=3

Each seed is `tfdcu.compress` with `configs/digits.py`, with and without labels.
Accuracy is of the 500 test images, agreement that with the teacher on 500
held-out pool images. Writes digits.json after each run and digits.md from it;
continues after a kill.
"""

from pathlib import Path

from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from benchmarks.quantization.compare import ROWS
from benchmarks.quantization.compare import compare
from configs import digits

TABLE = Path(__file__).parent / "digits"


def main(argv):
    del argv
    runs = Path(options.RUNS.value)
    config = digits.get_config().to_dict()
    teacher = runs / "teacher.keras"
    tfdcu.train_teacher(teacher, **config.pop("train_teacher"))

    def config_of(labels, seed):
        return config | {
            "teacher": str(teacher),
            "labeled": "digits" if labels else None,
            "baseline": False,
            "seed": seed,
            "data": config["data"] | {"labels_per_class": labels and 5 or None},
            "export": config["export"] | {"formats": ("float32", "int8")},
            "workdir": runs / f"{'labels' if labels else 'pool'}_{seed}",
        }

    compare(TABLE, options.ROWS.value or ROWS, config_of)


if __name__ == "__main__":
    flags.set_default(options.RUNS, "runs/quantization")
    flags.set_default(options.SEEDS, 3)
    app.run(main)
