"""The wheel alone, installed where there is no clone, does the whole job.

On each Python that is allowed and found here, and with the oldest TensorFlow
and Keras that are. Installing takes some minutes and 3 GB each time, so all of
it is slow.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.processes import timed

ROOT = Path(__file__).parents[1]
LARGEST = 1_000_000
OLDEST = "tensorflow==2.20.*", "tf_keras==2.20.*", "keras==3.13.*"
# The Python of the tests, and others with the packages that are pinned there.
ENVIRONMENTS = {
    "here": (None, ()),
    "3.11, oldest": ("3.11", OLDEST),
    "3.12": ("3.12", ()),
    "3.13": ("3.13", ()),
}
# Saved by the Keras of the environment, as a user's model is.
MODEL = """
import keras
from keras import layers
keras.Sequential([
    keras.Input((8, 8, 3)),
    layers.Conv2D(32, 3, activation="relu"),
    layers.Conv2D(32, 3, activation="relu"),
    layers.GlobalAveragePooling2D(),
    layers.Dense(2),
]).save("my_model.keras")
"""
pytestmark = pytest.mark.slow


def call(*command, cwd):
    """A stranger's process and its seconds: no clone is on Python's path."""
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)
    command = [str(part) for part in command]
    return timed(command, cwd=cwd, env=environment)


def done(*command, cwd):
    process, _ = call(*command, cwd=cwd)
    said = process.stdout[-3000:] + process.stderr[-3000:]
    assert process.returncode == 0, said
    return process.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this clone, built from a copy of its files."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("tfdcu", "tfdcu_cli"):
        shutil.copytree(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "-q")
    done(*pip, "--wheel-dir", folder, source, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


def python_of(version):
    """The Python of a version, of this process for `None`."""
    found = shutil.which(f"python{version}") if version else sys.executable
    # What a manager of versions puts there need not run.
    if not found or call(found, "--version", cwd=ROOT)[0].returncode:
        pytest.skip(f"There is no python{version} here.")
    return found


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def tfdcu(request, wheel, tmp_path_factory):
    """The command of an environment with the wheel and what it needs."""
    version, pins = ENVIRONMENTS[request.param]
    folder = tmp_path_factory.mktemp("environment")
    done(python_of(version), "-m", "venv", folder, cwd=folder)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "-q")
    done(*pip, wheel, *pins, cwd=folder)
    yield folder / "bin" / "tfdcu"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of photos as a user has it."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for name, num in (
        ("labeled/cat", 4),
        ("labeled/dog", 4),
        ("pool", 40),
        ("test/cat", 4),
        ("test/dog", 4),
    ):
        where = folder / "photos" / name
        where.mkdir(parents=True)
        for index in range(num):
            pixels = generator.integers(0, 256, (12, 15, 3), "uint8")
            Image.fromarray(pixels).save(where / f"{index}.jpg")
    return folder


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < LARGEST


def test_help_and_errors_take_less_than_a_second(tfdcu, tmp_path):
    for arguments, code, word in (
        (["--help"], 0, "train-teacher"),
        (["compress", "--help"], 0, "--labels_per_class"),
        (["--version"], 0, "tfdcu 0."),
        (["compres"], 1, "the nearest is compress"),
        (["compress", "--teacher=none.keras"], 1, "there is no such file"),
    ):
        process, seconds = call(tfdcu, *arguments, cwd=tmp_path)
        assert process.returncode == code
        assert word in process.stdout + process.stderr
        assert "Traceback" not in process.stderr
        assert seconds < 1, (arguments, seconds)


def test_the_demo_ends_with_a_student(tfdcu, tmp_path):
    said = done(tfdcu, "demo", cwd=tmp_path)
    run = tmp_path / "runs" / "digits"
    rows = json.loads((run / "report.json").read_text())["rows"]
    student = next(row for row in rows if row["name"] == "student")
    assert student["accuracy"] > 0.97
    assert (run / "student_int8.tflite").exists()
    assert "Ship student_" in said and "try --workdir=runs/digits" in said
    # Again: nothing is trained a second time.
    said = done(tfdcu, "demo", cwd=tmp_path)
    assert "which existed" in said and "This run is finished." in said


def test_a_folder_of_photos_is_compressed(tfdcu, photos):
    shutil.rmtree(photos / "runs", ignore_errors=True)
    done(tfdcu.with_name("python"), "-c", MODEL, cwd=photos)
    said = done(
        tfdcu,
        "compress",
        "--teacher=my_model.keras",
        "--labeled=photos/labeled",
        "--pool=photos/pool",
        "--test=photos/test",
        "--macs=0.5",
        "--epochs=1",
        "--workdir=runs/mine",
        cwd=photos,
    )
    run = photos / "runs" / "mine"
    assert (run / "report.html").exists()
    assert (run / "student_int8.tflite").exists()
    assert "Ship student_" in said
    assert "Ship student_" in (run / "log.txt").read_text()
    checked = done(
        tfdcu,
        "evaluate",
        "--model=runs/mine/student_float32.tflite",
        "--source=photos/test",
        "--against=runs/mine/student.keras",
        cwd=photos,
    )
    assert "8 images" in checked and "agreement 100.00 %" in checked
