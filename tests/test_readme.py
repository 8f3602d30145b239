"""The Python of README and docs runs as it stands, block after block."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def blocks(language, page=README):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


def run_blocks(page, folder):
    program = "\n".join(blocks("python", page))
    assert "import tfdcu" in program
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


@pytest.mark.parametrize("page", ["channels"])
def test_python_blocks_of_the_docs_run(page, tmp_path):
    run_blocks(ROOT / "docs" / f"{page}.md", tmp_path)


def test_shell_blocks_name_what_exists():
    for block in blocks("bash"):
        for script in re.findall(r"\./(scripts/\w+\.sh)", block):
            assert (README.parent / script).exists(), script
        for module in re.findall(r"python -m ([\w.]+)", block):
            path = README.parent / (module.replace(".", "/") + ".py")
            assert path.exists(), module
