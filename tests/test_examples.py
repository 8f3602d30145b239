"""The examples run as they stand."""

import re

import pytest

from tests.support.pages import ROOT
from tests.support.processes import run_python

EXAMPLES = ROOT / "examples"
PROGRAMS = {
    path.relative_to(EXAMPLES).as_posix(): path
    for path in sorted(EXAMPLES.rglob("*.py"))
    if "node_modules" not in path.parts
}
NOTEBOOK = "compress_a_photo_classifier.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_python_and_is_listed(name):
    text = PROGRAMS[name].read_text("utf-8")
    compile(text, name, "exec")
    assert f"]({name})" in (EXAMPLES / "README.md").read_text("utf-8")


def test_the_guide_opens_as_a_notebook():
    """Cells of text and code in turns, as jupytext and keras.io have them."""
    _, *cells = re.split(r"^# %%", PROGRAMS[NOTEBOOK].read_text(), flags=re.M)
    for number, cell in enumerate(cells):
        kind, *lines = cell.split("\n")
        if kind.strip() == "[markdown]":
            assert all(line.startswith("#") or not line for line in lines)
        else:
            assert kind == "" and number
            compile("\n".join(lines), NOTEBOOK, "exec")
    kinds = [cell.startswith(" [markdown]") for cell in cells]
    assert sum(kinds) == len(kinds) // 2 + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_runs(name, tmp_path):
    printed = run_python(PROGRAMS[name], tmp_path)
    assert printed
    if name == NOTEBOOK:
        found = re.findall(r"'accuracy': ([\d.]+)", printed)
        # Teacher, student before and after training; the two files.
        teacher, pruned, trained, _, file = map(float, found)
        assert teacher > 0.97 and pruned < trained
        assert trained > 0.93 and abs(trained - file) < 0.02
