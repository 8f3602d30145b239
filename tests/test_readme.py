"""README runs as it stands: its Python, its command, its set-up."""

import json
import re
import shlex
import subprocess
import sys
import tomllib

import numpy as np
from PIL import Image

from tests.support import tiny
from tests.support.pages import ROOT
from tests.support.pages import SMALL
from tests.support.pages import blocks
from tfdcu_cli.configs import common

README = ROOT / "README.md"
FOLDERS = (
    ("labeled/cat", 4),
    ("labeled/dog", 4),
    ("pool", 40),
    ("test/cat", 4),
    ("test/dog", 4),
)
# Keeps what the call is given, and what the command would give to it.
CALL = """
import inspect, json
compress, given = tfdcu.compress, []

def recorded(*arguments, **options):
    bound = inspect.signature(compress).bind(*arguments, **options)
    given.append(dict(bound.arguments))
    return compress(*arguments, **options) if len(given) == 1 else {"failed": 0}

tfdcu.compress = recorded
"""
COMMAND = """
from tfdcu_cli.main import run
run(%r)
with open("given.json", "w") as file:
    json.dump(given, file)
"""


def test_every_place_names_the_same_pythons():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    low, high = named[0], named[-1]
    after = f"3.{int(high.split('.')[1]) + 1}"
    assert project["requires-python"] == f">={low},<{after}"
    for name in ("README.md", "docs/start.md", "scripts/venv.sh"):
        assert f"Python {low} to {high}" in (ROOT / name).read_text("utf-8")
    workflow = (ROOT / ".github/workflows/check.yml").read_text("utf-8")
    assert f'python: ["{low}", "{high}"]' in workflow


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


def test_its_code_runs_and_its_command_is_its_call(tmp_path):
    a_model_and_photos(tmp_path)
    command = next(b for b in blocks("bash", README) if "my_model" in b)
    tfdcu, *arguments = shlex.split(command.replace("\\\n", " "))
    assert tfdcu == "tfdcu"
    program = [SMALL, CALL, *blocks("python", README), COMMAND % arguments]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "student.tflite").exists()
    for name in ("report.html", "USE.md", "student_int8.tflite"):
        assert (tmp_path / "runs" / "mine" / name).exists(), name
    call, command = map(flat, json.loads((tmp_path / "given.json").read_text()))
    assert command.pop("workdir") != call.pop("workdir")
    defaults = flat(common.get_config().to_dict())
    assert {k: v for k, v in command.items() if v != defaults[k]} == call


def flat(config, prefix=""):
    """Dotted fields, as JSON has them; one view is a tuple of one."""
    fields = {}
    for name, value in config.items():
        if isinstance(value, dict):
            fields |= flat(value, f"{prefix}{name}.")
        else:
            if name == "augment" and isinstance(value, str):
                value = [value]
            value = list(value) if isinstance(value, (tuple, list)) else value
            fields[prefix + name] = value
    return fields


def test_its_set_up_stands_in_the_first_screen_and_is_there():
    first = "\n".join(README.read_text("utf-8").splitlines()[:12])
    named = re.findall(r"^\./(scripts/\w+\.sh)", first, re.M)
    assert named == ["scripts/demo.sh", "scripts/check.sh"]
    assert all((ROOT / name).exists() for name in named)
