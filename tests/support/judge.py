"""Opens files that nobody should trust, in a process that may die of them.

    python -m tests.support.judge

answers each line of JSON on its stdin with one; `Judge` is the other end.
"""

import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import sys
import time
import warnings

# What one file may take, beyond what the process has anyway.
MOST_MIB = 2048
MOST_SECONDS = 60


class Judge:
    """A process that opens one file after the other; a new one if it dies."""

    def __init__(self):
        self.process = None

    def open(self, kind, path):
        """What opening a file comes to.

        Args:
            kind: One of `OPEN`.
            path: The file, or the folder.

        Returns:
            Dict of `outcome`: "taken", "skipped", "refused" (an error in three
            parts), or what must not be: "raw" (another error), "crash" or
            "hang"; `message`; `mib`, the peak of memory that was added; and
            `seconds`.
        """
        if self.process is None:
            self.start()
        start = time.monotonic()
        print(
            json.dumps([kind, str(path)]), file=self.process.stdin, flush=True
        )
        ready, _, _ = select.select([self.process.stdout], [], [], MOST_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        outcome = "crash" if ready else "hang"
        self.process.kill()
        code = self.process.wait()
        self.process = None
        return {
            "outcome": outcome,
            "message": f"exit code {code}",
            "mib": 0,
            "seconds": time.monotonic() - start,
        }

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert json.loads(self.process.stdout.readline()) == "ready"

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()


def look_at(source):
    """One pass over the batches of a source; what was skipped of it."""
    from tfdcu import data

    for _ in data.evaluation_batches(source, 32):
        pass
    return [f"{one['file']}: {one['reason']}" for one in source.skipped]


def open_folder(path):
    from tfdcu import data

    return look_at(
        data.open_source(
            f"folder:{path}", labeled=False, image_shape=(32, 32, 3)
        )
    )


def open_npz(path):
    from tfdcu import data

    source = data.open_source(f"npz:{path}", image_shape=(32, 32, 3))
    return look_at(source)


def open_model(path):
    import tfdcu

    tfdcu.models.load(path)


def open_litert(path):
    import numpy as np

    import tfdcu

    model = tfdcu.LiteRTModel(path)
    model(np.zeros((1, *model.input_shape), "float32"))


def open_report(path):
    from tfdcu.report import read_report
    from tfdcu.report import table

    table(read_report(path)["rows"])


def open_workdir(path):
    """Opens a run again, as `compress` does."""
    from tfdcu.workdir.workdir import Workdir

    versions = {"keras": "3"}
    run = Workdir(path, {"seed": 0, "data": {"classes": ["a"]}}, versions)
    run.read_json("diagnosis.json")
    run.seconds()
    return run.remade


def open_config(path):
    from tfdcu_cli.main import run

    run(["compress", f"--config={path}", f"--workdir={path}.run"])


OPEN = {
    "images": open_folder,
    "npz": open_npz,
    "keras": open_model,
    "tflite": open_litert,
    "report": open_report,
    "workdir": open_workdir,
    "config": open_config,
}


def answer(kind, path):
    """What `Judge.open` returns."""
    # The peak begins anew.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, start = status("VmRSS"), time.monotonic()
    try:
        skipped = OPEN[kind](path)
        outcome = "skipped" if skipped else "taken"
        message = "; ".join(skipped or ())
    except (ValueError, OSError, SystemExit) as error:
        message = str(error)
        parts = "Expected: " in message and "Received: " in message
        outcome = "refused" if parts else "raw"
        if not parts:
            message = f"{type(error).__name__}: {message}"
    except BaseException as error:
        outcome, message = "raw", f"{type(error).__name__}: {error}"
    return {
        "outcome": outcome,
        "message": message[:500],
        "mib": max(0, status("VmHWM") - before) // 1024,
        "seconds": time.monotonic() - start,
    }


def status(key):
    """A number of kB from the process' status."""
    text = pathlib.Path("/proc/self/status").read_text()
    line = next(one for one in text.splitlines() if one.startswith(f"{key}:"))
    return int(line.split()[1])


def serve():
    """Answer each line of stdin."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    import keras
    import numpy as np

    import tfdcu
    from tfdcu import data

    # Everything that takes memory once.
    keras.Sequential([keras.layers.Dense(1)])(np.zeros((1, 1)))
    images = np.zeros((2, 8, 8, 3)), [0, 0]
    look_at(data.open_source(images, image_shape=(32, 32, 3)))
    assert tfdcu.LiteRTModel
    # Libraries write a lot about such files.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    most = 1024 * status("VmSize") + MOST_MIB * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    print(json.dumps("ready"), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve()
