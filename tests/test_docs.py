"""Laws of the pages: nothing dead, nothing stale, all code accounted for."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfdcu
from tests.support.pages import ROOT
from tests.support.pages import SMALL
from tests.support.pages import blocks
from tests.support.pages import pages
from tests.support.processes import run_python
from tfdcu_cli.configs import common

DOCS = ROOT / "docs"
# Pages whose Python runs in the default suite, all as one program, and in the
# slow one, a program each.
FAST = ["channels", "command_line"]
SLOW = [
    "start",
    "search",
    "many_machines",
    "labels",
    "segmentation",
    "several_outputs",
    "vit",
    "signals",
]
WHY_NOT = "<!-- not executed: "
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def outside_code(path):
    text = path.read_text("utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path):
    """What a link to a heading of the page ends in."""
    titles = re.findall(r"^#+ (.*)$", outside_code(path), re.M)
    return {
        re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-")
        for title in titles
    }


@pytest.mark.parametrize("path", pages(), ids=name_of)
def test_no_link_is_dead(path):
    for link in LINK.findall(outside_code(path)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), link


@pytest.mark.parametrize("path", pages(), ids=name_of)
def test_programs_and_files_that_are_named_exist(path):
    text = " ".join(path.read_text("utf-8").split())
    modules = re.findall(r"python -m ((?:benchmarks|scripts)\.[\w.]+\w)", text)
    named = re.findall(r"`((?:\w+/)+[\w.]+\.(?:py|md|json|png|sh))`", text)
    named += re.findall(r"\btests/[\w/]+\.py", text)
    files = [module.replace(".", "/") + ".py" for module in modules]
    files += [one for one in named if not one.startswith(("runs/", "example/"))]
    for file in files:
        assert (ROOT / file).exists() or (DOCS / file).exists(), file


def python_of(name):
    """The blocks of a page that are to run, as one program."""
    text = (DOCS / f"{name}.md").read_text("utf-8")
    left_out = rf"^{WHY_NOT}.*? -->\n```python\n.*?^```"
    text = re.sub(left_out, "", text, flags=re.S | re.M)
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.S | re.M))


def test_all_python_of_the_docs_runs_or_says_why_not():
    for path in sorted(DOCS.glob("*.md")):
        for block in blocks("python", path):
            ast.parse(block)
        if path.stem not in FAST + SLOW:
            assert not python_of(path.stem), path.name


def test_the_python_of_short_pages_runs(tmp_path):
    run_python("\n".join([SMALL, *map(python_of, FAST)]), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_the_python_of_a_longer_page_runs(name, tmp_path):
    if name != "start":
        teacher = tfdcu.models.build("digits", num_classes=10)
        teacher.save(tmp_path / "teacher.keras")
    run_python(python_of(name), tmp_path)


def test_options_tells_of_every_field_and_its_default():
    """Each table of the page is a section of `common.py`."""
    sections = {"The run": {}}
    for key, value in common.get_config().to_dict().items():
        if isinstance(value, dict):
            sections[key] = value
        else:
            sections["The run"][key] = value
    told, title = {}, None
    for line in (DOCS / "options.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            title = line[3:]
        row = re.match(r"\| `(\w+)` \| `(.+?)` \| (.+?) \|", line)
        if row:
            field, default, meaning = row.groups()
            told.setdefault(title, {})[field] = ast.literal_eval(default)
            assert len(meaning) > 5, field
    assert told == sections


def test_api_has_every_public_name():
    text = (DOCS / "api.md").read_text("utf-8")
    listed = set(re.findall(r"^::: (\S+)$", text, re.M))
    public = {
        f"{value.__module__}.{value.__qualname__}"
        for name, value in vars(tfdcu).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public - listed == set()
    for path in listed:
        module, _, name = path.rpartition(".")
        source = ROOT / (module.replace(".", "/") + ".py")
        tree = ast.parse(source.read_text("utf-8"))
        assert name in [getattr(node, "name", None) for node in tree.body]


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = set(re.findall(r"(\w+\.md)$", text, re.M))
    assert named == {path.name for path in DOCS.glob("*.md")}


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    """In the environment of `DOCS_PYTHON`, or one that is made here."""
    python = os.environ.get("DOCS_PYTHON")
    if python is None:
        made = ROOT / ".venv-docs"
        python = str(made / "bin" / "python")
        if not Path(python).exists():
            subprocess.run([sys.executable, "-m", "venv", made], check=True)
            subprocess.run(
                [python, "-m", "pip", "install", "-q", *docs_extra()],
                check=True,
            )
    run = subprocess.run(
        [python, "-m", "mkdocs", "build", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "WARNING -" not in run.stderr
    text = (tmp_path / "site" / "api.html").read_text("utf-8")
    # From docstrings, which are read without importing.
    for name in ("compress", "Sparsify", "StudentHyperModel"):
        summary = inspect.getdoc(getattr(tfdcu, name)).splitlines()[0]
        assert summary in text, name


def docs_extra():
    """What `pip install -e ".[docs]"` brings, without tfdcu."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    extra = re.search(r"^docs = \[(.*?)^\]", text, re.S | re.M)
    return re.findall(r'"(\S+?)"', extra[1])


def test_the_citation_is_of_this_version():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {tfdcu.__version__}\n" in text
