"""README runs as it stands: its Python, its command, its set-up."""

import re
import shlex
import subprocess
import sys

import numpy as np
from PIL import Image

from tests.support import tiny
from tests.support.pages import ROOT
from tests.support.pages import SMALL
from tests.support.pages import blocks

README = ROOT / "README.md"
FOLDERS = (
    ("labeled/cat", 4),
    ("labeled/dog", 4),
    ("pool", 40),
    ("test/cat", 4),
    ("test/dog", 4),
)
# The command of README in the same process, as a shell would start it.
COMMAND = """
import runpy, sys
sys.argv = {arguments!r}
runpy.run_module({module!r}, run_name="__main__")
"""


def a_model_and_photos(folder):
    tiny.plain_net(width=16, channels=3, num_classes=2).save(
        folder / "my_model.keras"
    )
    generator = np.random.default_rng(0)
    for name, num in FOLDERS:
        photos = folder / "photos" / name
        photos.mkdir(parents=True)
        for index in range(num):
            pixels = generator.integers(0, 256, (12, 15, 3), "uint8")
            Image.fromarray(pixels).save(photos / f"{index}.jpg")


def test_its_code_and_its_command_run(tmp_path):
    """The command finds the run of the call finished: they are the same."""
    a_model_and_photos(tmp_path)
    for name in ("configs", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = next(b for b in blocks("bash", README) if "my_model" in b)
    python, m, module, *arguments = shlex.split(command)
    assert (python, m) == ("python", "-m")
    program = "\n".join(
        [SMALL, *blocks("python", README)]
        + [COMMAND.format(module=module, arguments=[module, *arguments])]
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("This run is finished.") == 1
    assert (tmp_path / "student.tflite").exists()
    for name in ("report.html", "USE.md", "student_int8.tflite"):
        assert (tmp_path / "runs" / "mine" / name).exists(), name


def test_its_set_up_stands_in_the_first_screen_and_is_there():
    first = "\n".join(README.read_text("utf-8").splitlines()[:12])
    named = re.findall(r"^\./(scripts/\w+\.sh)", first, re.M)
    assert named == ["scripts/demo.sh", "scripts/check.sh"]
    assert all((ROOT / name).exists() for name in named)


