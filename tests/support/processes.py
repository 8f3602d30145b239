"""Processes as a user starts them."""

import atexit
import contextlib
import functools
import json
import os
import resource
import subprocess
import sys


def timed(command, **options):
    """A finished process and its seconds of processor time.

    Those do not grow while other processes keep the machine busy.

    Args:
        command: List of strings.
        **options: Keywords of `subprocess.run`.
    """
    before = spent()
    process = subprocess.run(command, capture_output=True, text=True, **options)
    return process, spent() - before


def run_python(program, folder):
    """What a program of Python prints that runs in a folder, without error.

    Args:
        program: Its text, or the `Path` of its file.
        folder: Its working directory.
    """
    words = ["-c", program] if isinstance(program, str) else [program]
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def spent():
    """Seconds that all finished child processes took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


HOLDER = """
import json
import sys
from tfdcu.workdir.own_files import lock_folder
for line in sys.stdin:
    lock = lock_folder(*json.loads(line))
    print("held", flush=True)
    sys.stdin.readline()
    lock.release()
    print("released", flush=True)
"""


@functools.cache
def lock_holder():
    """One process for all tests, since it takes seconds to start."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
        bufsize=1,
    )
    atexit.register(process.kill)
    return process


@contextlib.contextmanager
def held(folder, worker=None):
    """Another process has the lock of a folder while the block runs."""
    process = lock_holder()
    process.stdin.write(json.dumps([str(folder), worker]) + "\n")
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.stdin.write("\n")
        assert process.stdout.readline() == "released\n"
