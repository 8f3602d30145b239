"""Calls in another process: a native crash is an error, not the end.

TensorFlow's converter is C++ and may end its process without an exception. One
child process serves all calls of this one, so TensorFlow is imported once.
"""

import atexit
import errno
import importlib
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from tfdcu.workdir.full_disk import is_full
from tfdcu.workdir.full_disk import save_array
from tfdcu.workdir.temporary import temporary_folder

_child = None


def call_in_child(function, *arguments):
    """Calls a function in a child process.

    Args:
        function: A function of a module, which returns `bytes`.
        *arguments: What JSON can hold, or NumPy arrays.

    Returns:
        What the function returns. Its warnings are given here.

    Raises:
        ChildProcessError: If the process ends before it has an answer.
        ValueError: If the function raises it.
        OSError: Likewise.
        RuntimeError: If it raises anything else.
    """
    with temporary_folder() as folder:
        answer = Path(folder) / "answer"
        request = {
            "function": [function.__module__, function.__qualname__],
            "arguments": [
                _written(value, Path(folder) / f"{index}.npy")
                for index, value in enumerate(arguments)
            ],
            "answer": str(answer),
        }
        reply = _ask(json.dumps(request))
        for message in reply["warnings"]:
            warnings.warn(message, stacklevel=4)
        if "error" in reply:
            kind, *details = reply["error"]
            known = {"ValueError": ValueError, "OSError": OSError}
            raise known.get(kind, RuntimeError)(*details)
        return answer.read_bytes()


def serve():
    """Answers requests, a line each, until there are none; in the child."""
    # Ctrl-C reaches all processes of a terminal; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries may print: only answers go to the parent.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=replies, flush=True)


def _answer(request):
    module, name = request["function"]
    reply = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            function = getattr(importlib.import_module(module), name)
            content = function(*map(_read, request["arguments"]))
            Path(request["answer"]).write_bytes(content)
        except ValueError as error:
            reply["error"] = ["ValueError", str(error)]
        except OSError as error:
            reply["error"] = ["OSError", error.errno, str(error)]
        except Exception as error:
            kind = [type(error).__name__]
            if is_full(error):
                kind = ["OSError", errno.ENOSPC]
            reply["error"] = [*kind, str(error)]
    mine = [w for w in caught if w.category is UserWarning]
    return {**reply, "warnings": [str(w.message) for w in mine]}


def _written(value, path):
    if not isinstance(value, np.ndarray):
        return value
    save_array(path, value)
    return {"array": str(path)}


def _read(value):
    if isinstance(value, dict):
        return np.load(value["array"], allow_pickle=False)
    return value


def _ask(line):
    global _child
    if _child is None or _child.poll() is not None:
        _child = _start()
    try:
        _child.stdin.write(f"{line}\n")
        _child.stdin.flush()
        reply = _child.stdout.readline()
    except BaseException:
        # The answer would be taken for the next one's.
        _child.kill()
        raise
    if reply:
        return json.loads(reply)
    code = _child.wait()
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise ChildProcessError(f"its process ended with {how}")


def _start():
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    child = subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        # A GPU is the parent's.
        env={**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    atexit.register(child.kill)
    return child
