"""Row 6: seconds before the first training step of `tfdcu compress`."""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
OTHER = "what lies between"
# Functions of a run, by module of `tfdcu.stages`, and names of their times.
STAGES = {
    ("start", "load_any"): "teacher",
    ("start", "prepare"): "data",
    ("prune", "remove_channels"): "pruning",
    ("distill", "build_distiller"): "distiller",
}


class Seen(Exception):
    """Two steps of training are over."""


class Marks:
    """Says of each moment what was done since the last one.

    Args:
        start: When it began, as `time.time()`.
    """

    def __init__(self, start):
        self.last = start
        self.seconds = {}

    def mark(self, name):
        now = time.time()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now

    def around(self, function, name):
        """The function, its time told from what came before."""

        def measured(*args, **kwargs):
            self.mark(OTHER)
            result = function(*args, **kwargs)
            self.mark(name)
            return result

        return measured


def first_step(workload):
    """Row 6: seconds of each stage, a fresh process each time."""
    import keras

    from tfdcu.models import build

    with tempfile.TemporaryDirectory() as folder:
        teacher = Path(folder) / "teacher.keras"
        keras.utils.set_random_seed(0)
        build("digits", num_classes=10).save(teacher)
        runs = []
        # The first one only brings the files into the system's cache.
        for number in range(workload.turns + 1):
            arguments = [
                "--config=digits",
                f"--config.teacher={teacher}",
                f"--workdir={folder}/{number}",
                *workload.overrides,
            ]
            runs.append(in_process(arguments))
            print(f"  {number}: {sum(runs[-1].values()):.2f} s", flush=True)
    names = list(runs[0])
    seconds = {name: [run[name] for run in runs[1:]] for name in names}
    steady = seconds.pop("second step")
    total = [sum(parts) for parts in zip(*seconds.values())]
    own = "import tensorflow"
    return {
        "title": "seconds of `tfdcu compress` to its first training step",
        "seconds": {**seconds, "all": total, "a later step": steady},
        "ratios": {
            f"all / {own}": {
                "median": statistics.median(total)
                / statistics.median(seconds[own]),
                "lowest": min(total) / max(seconds[own]),
                "highest": max(total) / min(seconds[own]),
            }
        },
        "notes": [
            "The config `digits` with an untrained teacher. The first step "
            "is traced, optimized and run; its batch waits for the input "
            "pipeline. The ratio is of time: lower is better."
        ],
    }


def in_process(arguments):
    """Seconds by stage of `tfdcu compress` in a process of its own."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.speed.first_step"),
            *(str(time.time()), *arguments),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(result.stdout.splitlines()[-1])


def watched(run, marks):
    """Runs a compression until its second training step is over."""
    # Imported here: `tfdcu compress` has no need of it.
    from unittest import mock

    import keras

    import tfdcu

    fit = tfdcu.AlignedDistiller.fit

    def begin(batch, logs=None):
        marks.mark("fit before its first step" if batch == 0 else OTHER)

    def end(batch, logs=None):
        marks.mark("second step" if batch else "tracing and first step")
        if batch:
            raise Seen

    def watched_fit(model, *args, callbacks=(), **kwargs):
        marks.mark("checkpoint and batches")
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=begin, on_train_batch_end=end
        )
        return fit(model, *args, callbacks=[*callbacks, watch], **kwargs)

    with contextlib.ExitStack() as stack:
        for (module, name), stage in STAGES.items():
            module = sys.modules[f"tfdcu.stages.{module}"]
            own = marks.around(getattr(module, name), stage)
            stack.enter_context(mock.patch.object(module, name, own))
        stack.enter_context(
            mock.patch.object(tfdcu.AlignedDistiller, "fit", watched_fit)
        )
        stack.enter_context(contextlib.suppress(Seen))
        run()
    return marks.seconds


def main(start, arguments):
    marks = Marks(float(start))
    marks.mark("interpreter")
    import tensorflow  # noqa: F401

    marks.mark("import tensorflow")
    import keras  # noqa: F401

    marks.mark("import keras")
    import tfdcu  # noqa: F401
    from tfdcu_cli.main import run

    marks.mark("import tfdcu")
    print(json.dumps(watched(lambda: run(["compress", *arguments]), marks)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
