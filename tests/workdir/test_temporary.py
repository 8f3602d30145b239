"""Temporary folders of processes that were killed go with the next run."""

import os
import subprocess
import sys
import tempfile

from tfdcu.workdir.atomic import MACHINE
from tfdcu.workdir.temporary import remove_temporary_folders
from tfdcu.workdir.temporary import temporary_folder
from tfdcu.workdir.workdir import Workdir

KILLED = """
import os, signal
from tfdcu.workdir.temporary import temporary_folder
with temporary_folder() as folder:
    open(os.path.join(folder, "a model"), "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_and_all_else_stays(
    tmp_path, monkeypatch
):
    variables = {"TMPDIR": str(tmp_path), "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", KILLED]
    died = subprocess.Popen(command, env=os.environ | variables)
    died.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (left,) = tmp_path.iterdir()
    assert list(left.iterdir())
    others = [
        # Of another machine, of a user, and a file.
        f"tfdcu-{MACHINE}x-{died.pid}-abc",
        f"tfdcu-{died.pid}",
        "tmpabc",
    ]
    for name in others:
        (tmp_path / name).mkdir()
    with temporary_folder() as mine:
        Workdir(tmp_path / "run", {}, {})
        assert not left.exists() and os.path.isdir(mine)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {*others, "run"}
    remove_temporary_folders()
