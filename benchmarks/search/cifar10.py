"""A small search on CIFAR-10, next to the default student.

    python -m benchmarks.search.cifar10 --teacher=resnet56_cifar10.keras \\
        --data_dir=tensorflow_datasets

One seed of the config `cifar10_search`: cheap trials, the winners trained on
10,000 images of the pool for three epochs, and for comparison the ResNet-56
pruned to half its macs and trained in the same way. (In the committed row it
was pruned by the same share in every layer, a former option.) Writes
cifar10.json, cifar10.md and the front as cifar10.png; continues after a kill.
"""

import shutil
from pathlib import Path

from absl import app
from absl import flags

from benchmarks import options
from benchmarks.resumable import fill
from benchmarks.search import digits
from tfdcu_cli.configs import cifar10_search

HERE = Path(__file__).parent


def main(argv):
    del argv
    config = cifar10_search.get_config().to_dict()
    config["teacher"] = options.TEACHER.value
    config["data"]["data_dir"] = options.DATA_DIR.value
    runs = Path(options.RUNS.value)
    fill(
        HERE / "cifar10",
        [{"seed": config["seed"]}],
        lambda seed: digits.compared(config, runs),
        digits.as_table,
    )
    front = runs / "search/front.png"
    # A row that is there already is not run again.
    if front.exists():
        shutil.copyfile(front, HERE / "cifar10.png")


if __name__ == "__main__":
    flags.mark_flags_as_required(["teacher", "data_dir"])
    flags.set_default(options.RUNS, "runs/search_cifar10")
    app.run(main)
