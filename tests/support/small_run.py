"""One small run for the tests of `compress`, also as a program that dies.

    python -m tests.support.small_run <folder> <moment>

runs it in `<folder>` and kills itself, without a word to anyone, when the
moment has come: `step:<epoch>:<batch>` after a training step, `before:<name>`
or `after:<name>` around the renaming of a file.
"""

import os
import pathlib
import random
import signal
import sys

import keras

import tfdcu
from tests.support import tiny
from tfdcu.training.checkpoint import StopOnNaN

OPTIONS = {
    "channels": {"macs": 0.5, "rounds": 2},
    "batches": {"batch_size": 50, "augment": "shift"},
    "data": {"pool_validation": 20},
    "training": {"epochs": 3},
    "sparsity": {"final_sparsity": 0.5, "exclude": ["conv1", "logits"]},
    "export": {"formats": ("float32",), "num_images": 32},
    "baseline": True,
}


def few(num=12, **options):
    return tiny.images(num, **options), tiny.labels(num)


def run(folder, **options):
    """Compress a tiny net, saved in `<folder>/teacher.keras`, there."""
    folder = pathlib.Path(folder)
    teacher = folder / "teacher.keras"
    if not teacher.exists():
        folder.mkdir(parents=True, exist_ok=True)
        tiny.plain_net(width=32).save(teacher)
    # What came before in this process must not matter.
    random.seed(random.SystemRandom().random())
    usual = {**OPTIONS, "test": few(16, seed=5)}
    if "student" in options:
        del usual["channels"]
    options = {**usual, **options}
    labeled = options.pop("labeled", few())
    pool = options.pop("unlabeled", "printed:200")
    teacher = options.pop("teacher", teacher)
    return tfdcu.compress(
        teacher, labeled, pool, workdir=folder / "run", **options
    )


def weights(folder, name="student"):
    file = pathlib.Path(folder) / "run" / f"{name}.keras"
    return keras.models.load_model(file).get_weights()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_step(epoch, batch):
    observe = StopOnNaN.on_train_batch_end

    def on_train_batch_end(self, number, logs=None):
        observe(self, number, logs)
        if (self.epoch, number) == (epoch, batch):
            die()

    StopOnNaN.on_train_batch_end = on_train_batch_end


def die_at_rename(when, name):
    replace = os.replace

    def replace_and_die(source, target):
        match = pathlib.Path(target).name == name
        if match and when == "before":
            die()
        replace(source, target)
        if match:
            die()

    os.replace = replace_and_die


if __name__ == "__main__":
    kind, *details = sys.argv[2].split(":")
    if kind == "step":
        die_at_step(*map(int, details))
    else:
        die_at_rename(kind, *details)
    run(sys.argv[1])
