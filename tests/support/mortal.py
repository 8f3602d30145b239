"""Small runs in processes that die, or whose disk fills up, when told to.

    python -m tests.support.mortal

imports TensorFlow, runs nothing, and forks a process for each line of JSON on
its stdin: a fork of what has not run costs nothing, an import takes seconds.
`Mortals` is the other end.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

SMALL = {
    "batches": {"batch_size": 16, "augment": "shift"},
    "data": {"pool_validation": 8},
    "training": {"epochs": 2},
    "unlabeled": "printed:40",
    "export": {"formats": ("float32",), "num_images": 8},
    "verbose": 0,
}
PLAIN = {"sparsity": None, "baseline": False}
# Between them all stages.
RUNS = {
    "rounds": {**SMALL, "channels": {"macs": 0.5, "rounds": 2}},
    "stored": {
        **SMALL,
        **PLAIN,
        "channels": {"macs": 0.5, "rounds": 1},
        "targets": {"views": 2},
    },
    "quantized": {
        **SMALL,
        **PLAIN,
        "channels": {"macs": 0.5, "rounds": 1},
        "quantization": {"weight_bits": 8, "epochs": 2},
        "export": {"formats": ("int8",), "num_images": 8},
    },
    "search": {},
}


class Mortals:
    """Runs one after the other, each in a process of its own.

    Args:
        **variables: Of the environment.
    """

    def __init__(self, **variables):
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd(), **variables},
        )

    def run(self, name, folder, death=(), **variables):
        """One run, whole or not.

        Args:
            name: One of `RUNS`.
            folder: Where; what is there goes on.
            death: `("after", seconds)`, `("before rename", n)`,
                `("after rename", n)`, or `("full", stage, file)`: the file
                takes all space of its disk when the stage begins.
            **variables: Of the environment.

        Returns:
            Dict of `end` ("done", "killed", or how else it ended), `error`
            (its type and message, or `""`), `seconds`, and `renames`, the
            names of the files that were renamed, in order.
        """
        request = {
            "name": name,
            "folder": str(folder),
            "death": [str(part) for part in death],
            "variables": variables,
        }
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def close(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait()


def serve():
    """Fork a process for each line of stdin and say how it ended."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        folder = pathlib.Path(request["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the folder, whose disk may be full.
        notes = folder.with_name(f"{folder.name}.notes")
        notes.write_text("")
        start = time.monotonic()
        process = os.fork()
        if not process:
            live(request, notes)
        kind, *details = request["death"] or [None]
        if kind == "after":
            status = wait(process, start + float(details[0]))
        else:
            _, status = os.waitpid(process, 0)
        code = os.waitstatus_to_exitcode(status)
        end = {0: "done", -signal.SIGKILL: "killed"}.get(code, f"code {code}")
        lines = [json.loads(one) for one in notes.read_text().splitlines()]
        reply = {
            "end": end,
            "error": next((one[1] for one in lines if one[0] == "error"), ""),
            "seconds": time.monotonic() - start,
            "renames": [one[1] for one in lines if one[0] == "rename"],
        }
        print(json.dumps(reply), file=replies, flush=True)


def wait(process, until):
    """Wait for a process, which is killed when its time has come."""
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]


def live(request, notes):
    """The forked process: run, and die."""
    # A terminal's Ctrl-C reaches the tests too, and they end this.
    os.environ.update(request["variables"])
    with open(notes, "a") as file:

        def note(kind, text):
            print(json.dumps([kind, text]), file=file, flush=True)

        try:
            arm(note, *request["death"])
            run(request["name"], request["folder"])
        except (ValueError, OSError) as error:
            note("error", f"{type(error).__name__}: {error}")
        except BaseException:
            import traceback

            note("error", f"raw {traceback.format_exc()}")
    os._exit(0)


def run(name, folder):
    """One of `RUNS` in a folder."""
    from tests.support import small_run
    from tfdcu.report import page

    # Drawing the figures takes longer than all other work.
    page._pictures = lambda *record: {}
    if name != "search":
        return small_run.run(folder, **RUNS[name])
    import tfdcu
    from tests.support import tiny

    return tfdcu.search(
        tiny.plain_net(width=32),
        small_run.few(),
        "printed:40",
        test=small_run.few(16, seed=5),
        workdir=pathlib.Path(folder) / "run",
        space={"channels.macs": [0.5, 0.3]},
        tuner="GridSearch",
        max_trials=2,
        max_winners=1,
        batches=SMALL["batches"],
        data=SMALL["data"],
        training={"epochs": 2},
        targets={"views": 1},
        export=SMALL["export"],
        verbose=0,
    )


def arm(note, kind=None, *details):
    """Prepare the death of this process, or of its disk."""
    replace, number = os.replace, 0

    def replace_and_die(source, target):
        nonlocal number
        number += 1
        point = f"{number}"
        if [kind, *details] == ["before rename", point]:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        note("rename", os.path.basename(target))
        if [kind, *details] == ["after rename", point]:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_and_die
    if kind != "full":
        return
    from tfdcu.workdir.workdir import Workdir

    wanted, filler = details
    stage = Workdir.stage

    def full_stage(self, name):
        if name == wanted:
            fill(filler)
        return stage(self, name)

    Workdir.stage = full_stage


def fill(path):
    """Write zeros until the disk is full."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


if __name__ == "__main__":
    from tests.support import small_run  # noqa: F401

    serve()
