"""Photos: EfficientNet-Lite0 at half the macs, as integers or trained for it.

    python -m benchmarks.quantization.clothes --photos=../shared/photos \\
        --teacher=../shared/models/clothes_lite0_192.keras --seeds=3

Each seed is a row of `benchmarks.photos.clothes`, with and without labels, in
the same folder `--runs`: a float student that is there is not trained again.
Accuracy is of the test photos, agreement that with the teacher on held-out
photos of the pool. Writes clothes.json after each run and clothes.md from it;
continues after a kill.
"""

from pathlib import Path

from absl import app
from absl import flags

from benchmarks import options
from benchmarks.photos.clothes import config_of
from benchmarks.photos.clothes import folder_of
from benchmarks.quantization.compare import compare

TABLE = Path(__file__).parent / "clothes"
ROWS = "8 bits", "4 bits", "8 bits without labels", "4 bits without labels"
FLOAT = "0.5 of the macs at 160 px"


def main(argv):
    del argv
    runs = Path(options.RUNS.value)

    def config_for(labels, seed):
        row = FLOAT if labels else f"{FLOAT} without labels"
        return config_of(row, seed, runs) | {
            "workdir": folder_of(row, seed, runs)
        }

    compare(TABLE, options.ROWS.value or ROWS, config_for)


if __name__ == "__main__":
    flags.mark_flags_as_required(["photos", "teacher"])
    flags.set_default(options.RUNS, "runs/photos")
    flags.set_default(options.SEEDS, 3)
    app.run(main)
