"""The Python of README and docs runs as it stands, block after block."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import tiny

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = [
    "docs/accuracy.md",
    "docs/channels.md",
    "docs/deploy.md",
    "docs/speed.md",
]


def blocks(language, page=README):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


# What the pages ask for, in small: fewer printed characters and images, one
# round of cutting, and times that are not measured.
SMALL = """
import tfdcu
tfdcu.data.sources.printed.NUM_IMAGES = 600
images_of = tfdcu.data.images_of
tfdcu.data.images_of = lambda source, num=32: images_of(source, min(num, 32))
tfdcu.litert_latency = lambda model: 1e-6 * tfdcu.profile(model)["macs"]
from tfdcu.pruning import prune
prune.ROUNDS = 1
"""


# The block of README that takes files of the reader's own.
OWN = '"my_model.keras"'


def run_blocks(page, folder, own=False):
    program = "\n".join(b for b in blocks("python", page) if (OWN in b) == own)
    assert "import tfdcu" in program
    program = SMALL + program
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]


def test_python_blocks_run(tmp_path):
    run_blocks(README, tmp_path)
    assert (tmp_path / "student.tflite").exists()
    assert (tmp_path / "runs" / "mine" / "report.html").exists()


def test_the_block_for_a_model_and_photos_of_ones_own_runs(tmp_path):
    tiny.plain_net(width=32, channels=3, num_classes=2).save(
        tmp_path / "my_model.keras"
    )
    generator = np.random.default_rng(0)
    for name, num in (
        ("labeled/cat", 4),
        ("labeled/dog", 4),
        ("pool", 40),
        ("test/cat", 4),
        ("test/dog", 4),
    ):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for index in range(num):
            pixels = generator.integers(0, 256, (12, 15, 3), "uint8")
            Image.fromarray(pixels).save(folder / f"{index}.jpg")
    run_blocks(README, tmp_path, own=True)
    assert (tmp_path / "runs" / "mine" / "report.html").exists()
    assert (tmp_path / "runs" / "mine" / "student_int8.tflite").exists()


@pytest.mark.parametrize("page", ["channels"])
def test_python_blocks_of_the_docs_run(page, tmp_path):
    run_blocks(ROOT / "docs" / f"{page}.md", tmp_path)


@pytest.mark.parametrize("page", ["README.md", *DOCS])
def test_commands_and_files_that_are_named_exist(page):
    text = " ".join((ROOT / page).read_text().split())
    modules = re.findall(r"python -m (\w+\.[\w.]+\w)", text)
    paths = re.findall(r"`((?:\w+/)+[\w.]+\.(?:py|md|json|png))`", text)
    linked = re.findall(r"\]\(((?:\.\./)?[\w/]+\.(?:md|png))\)", text)
    paths += [str(Path(page).parent / link) for link in linked]
    paths += [module.replace(".", "/") + ".py" for module in modules]
    assert modules and paths
    for path in paths:
        assert (ROOT / path).exists(), path


def test_shell_blocks_name_what_exists():
    for block in blocks("bash"):
        for script in re.findall(r"\./(scripts/\w+\.sh)", block):
            assert (README.parent / script).exists(), script
        for module in re.findall(r"python -m ([\w.]+)", block):
            path = README.parent / (module.replace(".", "/") + ".py")
            assert path.exists(), module
