"""The house plan, read from the syntax tree, so that it cannot rot."""

import ast
import inspect
import re
import sys
from pathlib import Path

import pytest

import tfdcu

ROOT = Path(__file__).parents[1]
ROOMS = ("data", "models", "pruning", "transfer", "export", "report")
FLOORS = (
    (
        "ops",
        "levels",
        "graph",
        "anew",
        "running",
        "endings",
        "products",
        "macs",
        "files",
    )
    + ("sections", "identity", "workdir", "answers"),
    ROOMS,
    ("evaluate", "measure", "teacher", "checks", "shrink", "stages")
    + ("reestimate", "unseen")
    + ("logits", "targets", "stored", "diagnosis", "beam")
    + ("asking", "selection", "chosen"),
    ("compress", "search"),
)
# Packages with a quarantine, and where alone they may be imported.
QUARANTINE = {
    "tensorflow_model_optimization": "tfdcu/pruning/sparsity.py",
    "keras_tuner": "tfdcu/search",
    "apache_beam": "tfdcu/beam.py",
    "ai_edge_litert": "tfdcu/export/",
    "absl": ("scripts/", "configs/"),
    "ml_collections": ("scripts/", "configs/"),
    "tf_keras": (),
    "pickle": (),
}
FORBIDDEN_NAMES = re.compile(r"(utils?|helpers?|misc|common)\d*")


def files_of(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def imports_of(tree):
    """All dotted names a file imports, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def floor_of(place):
    for number, places in enumerate(FLOORS):
        if place in places:
            return number
    return None


def place_of(path):
    """`tfdcu/data/x.py` -> `data`, `tfdcu/ops.py` -> `ops`."""
    return Path(path).with_suffix("").parts[1]


def problems(path, source):
    """What in a file is against the plan, as sentences."""
    tree = ast.parse(source)
    found = [
        *import_problems(path, list(imports_of(tree))),
        *syntax_problems(path, tree),
    ]
    if path.startswith("tfdcu/") and FORBIDDEN_NAMES.fullmatch(Path(path).stem):
        found.append("a name that says nothing")
    return found


def import_problems(path, names):
    home = path.split("/")[0]
    allowed = {
        "scripts": {"tfdcu", "absl", "ml_collections", "scripts"},
        "configs": {"ml_collections", "configs"},
    }
    for name in names:
        top = name.split(".")[0]
        if name.startswith("."):
            yield f"relative import {name}"
        if top in QUARANTINE and not path.startswith(QUARANTINE[top]):
            yield f"{top} outside of its quarantine"
        if home in allowed and top not in {*allowed[home], *STANDARD}:
            yield f"{home} import {top}"
        if home == "tfdcu" and top in ("scripts", "configs", "tests"):
            yield f"the library imports {top}"
        if home == "tfdcu" and top == "tfdcu" and path != "tfdcu/__init__.py":
            yield from floor_problems(place_of(path), name.split(".")[1:])


def floor_problems(here, target):
    there = target[0]
    floors = floor_of(here), floor_of(there)
    if None in floors:
        yield f"{here} or {there} has no floor"
    elif floors[0] < floors[1]:
        yield f"{here} imports {there} from a floor above"
    elif here != there and here in ROOMS and there in ROOMS:
        yield f"the room {here} imports the room {there}"
    if here != there and there in ROOMS and len(target) > 2:
        yield f"{here} enters {there} not by its door"


def syntax_problems(path, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in KERAS_OF_TENSORFLOW:
                yield "tf.keras"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(n.startswith("tensorflow.keras") for n in imports_of(node)):
                yield "tf.keras"
        if isinstance(node, ast.Assert) and not path.startswith("tests/"):
            yield "assert outside of tests"


STANDARD = sys.stdlib_module_names
KERAS_OF_TENSORFLOW = {("tf", "keras"), ("tensorflow", "keras")}
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("tfdcu", "scripts", "configs")
    for path in files_of(folder)
]


@pytest.mark.parametrize("path", FILES)
def test_a_file_keeps_to_the_plan(path):
    assert problems(path, (ROOT / path).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "problem"),
    [
        ("tfdcu/ops.py", "from tfdcu.data import few_labels", "floor above"),
        ("tfdcu/data/x.py", "import tfdcu.export", "imports the room export"),
        ("tfdcu/data/x.py", "def f():\n from tfdcu import report", "the room"),
        ("tfdcu/evaluate.py", "import tfdcu.compress", "floor above"),
        ("tfdcu/compress.py", "from tfdcu.data.open import x", "by its door"),
        ("tfdcu/new.py", "import tfdcu.ops", "has no floor"),
        ("tfdcu/data/x.py", "from . import open", "relative import"),
        ("tfdcu/data/x.py", "from tests import tiny", "library imports tests"),
        (
            "tfdcu/pruning/mask.py",
            "import tensorflow_model_optimization",
            "its",
        ),
        ("tfdcu/data/x.py", "import keras_tuner as kt", "its quarantine"),
        ("tfdcu/targets.py", "import apache_beam", "its quarantine"),
        ("tfdcu/report/x.py", "from ai_edge_litert import x", "its quarantine"),
        ("tfdcu/compress.py", "from absl import flags", "its quarantine"),
        ("tfdcu/search/x.py", "from ml_collections import x", "quarantine"),
        ("tfdcu/models/x.py", "import pickle", "quarantine"),
        ("tfdcu/data/x.py", "y = tf.keras.layers", "tf.keras"),
        ("tfdcu/data/x.py", "from tensorflow.keras import x", "tf.keras"),
        ("tfdcu/data/x.py", "from tensorflow import keras", "tf.keras"),
        ("scripts/x.py", "import numpy", "scripts import numpy"),
        ("scripts/x.py", "import keras", "scripts import keras"),
        ("configs/x.py", "import tfdcu", "configs import tfdcu"),
        ("tfdcu/data/utils.py", "", "says nothing"),
        ("tfdcu/export/x.py", "assert True", "assert outside"),
    ],
)
def test_what_is_against_the_plan_is_reported(path, source, problem):
    assert any(problem in found for found in problems(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tfdcu/compress.py", "from tfdcu.data import prepare"),
        ("tfdcu/data/x.py", "from tfdcu.data.open import open_source"),
        ("tfdcu/data/x.py", "from tfdcu import files\nimport tensorflow as tf"),
        ("tfdcu/measure.py", "from tfdcu.evaluate import choices_of"),
        ("tfdcu/search/x.py", "import keras_tuner\nimport tfdcu.compress"),
        ("tfdcu/export/x.py", "import ai_edge_litert.interpreter"),
        ("scripts/x.py", "import os\nfrom absl import app\nimport tfdcu"),
        ("configs/x.py", "from configs import common"),
    ],
)
def test_what_the_plan_allows_is_not_reported(path, source):
    assert problems(path, source) == []


def test_every_file_and_room_has_a_floor():
    places = {
        path.stem if path.suffix else path.name
        for path in (ROOT / "tfdcu").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    on_floors = {place for floor in FLOORS for place in floor}
    assert places - {"__init__"} == on_floors


def test_nothing_imports_itself_over_others():
    needs = {}
    for path in files_of("tfdcu"):
        name = path.relative_to(ROOT).as_posix()
        if name != "tfdcu/__init__.py":
            needed = imports_of(ast.parse(path.read_text("utf-8")))
            places = {n.split(".")[1] for n in needed if n[:6] == "tfdcu."}
            needs.setdefault(place_of(name), set()).update(places)
    done = set()
    while len(done) < len(needs):
        free = {p for p in needs if p not in done and needs[p] - {p} <= done}
        assert free, f"a circle among {sorted(set(needs) - done)}"
        done |= free


PUBLIC = {
    name: value
    for name, value in vars(tfdcu).items()
    if not name.startswith("_") and not inspect.ismodule(value)
}


def undocumented(value):
    """What the docstring of a public function or class leaves out."""
    text = inspect.getdoc(value) or ""
    parameters = [
        p.name
        for p in inspect.signature(value).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    missing = [] if text else ["docstring"]
    if parameters and "Args:" not in text:
        missing.append("Args")
    if inspect.isfunction(value) and "Returns:" not in text:
        missing.append("Returns")
    if "Example:" not in text:
        missing.append("Example")
    for name in parameters:
        if not re.search(rf"^ +([\w*, ]+, )?{name}(, [\w, ]+)?:", text, re.M):
            missing.append(name)
    return missing


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_documented(name):
    assert undocumented(PUBLIC[name]) == []


def test_what_a_docstring_leaves_out_is_reported():
    def bare(model, macs=None):
        """One line."""

    def half(model, macs=None):
        """One line.

        Args:
            model: A model.

        Returns:
            A model.

        Example:

        >>> half(model)
        """

    assert undocumented(bare) == ["Args", "Returns", "Example", "model", "macs"]
    assert undocumented(half) == ["macs"]


def test_the_library_says_what_it_raises():
    silent = [
        name
        for name, value in PUBLIC.items()
        if re.search(r"\braise ValueError", inspect.getsource(value))
        and "Raises:" not in inspect.getdoc(value)
    ]
    assert silent == []


def test_a_flag_of_the_benchmarks_has_one_home():
    calls = [
        node
        for file in files_of("benchmarks")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "").startswith("DEFINE_")
    ]
    names = [call.args[0].value for call in calls]
    assert names
    # Two homes of one name and the modules cannot be imported together.
    assert len(names) == len(set(names))
