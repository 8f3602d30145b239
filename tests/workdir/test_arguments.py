"""Letters that cannot be written are refused with the way out."""

import os
import subprocess
import sys

import pytest

from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

# No file system takes half a character.
HALF = "runs/\ud800"
PROGRAM = r"""
import tfdcu
from tests.support import tiny
few, pool = (tiny.images(8), tiny.labels(8)), tiny.images(20, seed=1)
net = tiny.plain_net()
for teacher, pool, workdir in (
    (net, pool, "L\xe4ufe"),
    ("L\xe4ufe.keras", pool, "new"),
    (net, "L\xe4ufe", "new"),
):
    try:
        tfdcu.compress(teacher, few, pool, workdir=workdir)
    except ValueError as error:
        print(error)
"""


def test_a_path_that_cannot_be_written_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="`workdir` has letters.*PYTHONUTF8=1"):
        check_arguments(workdir=HALF)
    with pytest.raises(ValueError, match="Received: teacher='runs/.ud800'"):
        with naming("teacher"):
            os.stat(HALF)


@pytest.mark.slow
def test_under_a_locale_of_ascii_letters_others_are_refused(tmp_path):
    process = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", PROGRAM],
        env={
            **os.environ,
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    for line, name in zip(
        lines, ("workdir", "teacher", "unlabeled"), strict=True
    ):
        assert line.startswith(f"`{name}` has letters"), line
        assert "Expected: " in line and "Received: " in line
        assert "under the encoding ascii" in line
    assert not list(tmp_path.iterdir())
