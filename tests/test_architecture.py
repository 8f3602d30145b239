"""The house plan, read from the syntax tree, so that it cannot rot."""

import ast
import inspect
import re
from pathlib import Path

import keras
import pytest

import tfdcu

ROOT = Path(__file__).parents[1]
# Imports run downhill only; rooms on one floor do not import one another.
FLOORS = (
    ("renamed",),
    ("workdir",),
    ("graph", "sparsity"),
    ("models", "data", "export", "report", "pruning", "training"),
    ("distill",),
    ("pool", "evaluate"),
    ("stages",),
    ("compress", "train_teacher"),
    ("search",),
)
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}
# Packages with a quarantine, and where alone they may be imported.
QUARANTINE = {
    "tensorflow_model_optimization": ("tfdcu/sparsity/",),
    "keras_tuner": ("tfdcu/search/", "tests/"),
    "ai_edge_litert": ("tfdcu/export/", "tests/"),
    "apache_beam": ("tfdcu/pool/beam.py", "tests/"),
    "absl": ("scripts/", "configs/", "benchmarks/", "tests/"),
    "ml_collections": ("scripts/", "configs/", "benchmarks/", "tests/"),
    "tf_keras": (),
    "pickle": ("tests/",),
    "tests": ("tests/",),
}
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("tfdcu", "scripts", "configs", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
PUBLIC = {
    name: value
    for name, value in vars(tfdcu).items()
    if not name.startswith("_") and not inspect.ismodule(value)
}


def imports(tree):
    """All dotted names that are imported, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def private_names(tree):
    """Names that begin with "_" and are read but not made in a file."""
    made, used = set(), set()
    hooks = {name for name in dir(keras.Model) if re.match("_[a-z]", name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            # A function that overrides one of Keras is not the file's own.
            (used if node.name in hooks else made).add(node.name)
        elif isinstance(node, ast.Attribute):
            stored = isinstance(node.ctx, ast.Store)
            own = stored and ast.unparse(node.value) in ("self", "cls")
            (made if own else used).add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            *("getattr", "hasattr", "setattr", "delattr"),
        ):
            used.add(ast.unparse(node.args[1]).lstrip("f").strip("'\""))
    return {name for name in used - made if re.match("_[a-z{]", name)}


def undocumented(value):
    """What the docstring of a public function or class leaves out."""
    text = inspect.getdoc(value) or ""
    wanted = {"Args:": r"Args:", "Example:": r"Example:"}
    if inspect.isfunction(value):
        wanted["Returns:"] = r"Returns:"
    if "raise ValueError" in inspect.getsource(value):
        wanted["Raises:"] = r"Raises:"
    for one in inspect.signature(value).parameters.values():
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            wanted[one.name] = rf"^ +([\w*, ]+, )?{one.name}(, [\w, ]+)?:"
    return [
        name for name, how in wanted.items() if not re.search(how, text, re.M)
    ]


@pytest.mark.parametrize("path", FILES)
def test_a_file_keeps_to_the_plan(path):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    here = path.removesuffix(".py").split("/")
    for name in imports(tree):
        top, *rest = name.split(".")
        assert top, f"relative import {name}"
        assert path.startswith(QUARANTINE.get(top, "")), name
        assert not name.startswith(("tensorflow.keras", "tfdcu.pool.beam"))
        if here[0] == top == "tfdcu" and here[1:] != ["__init__"]:
            same, below = rest[0] == here[1], FLOOR[rest[0]] < FLOOR[here[1]]
            assert same or below, f"{here[1]} imports {name}"
    for node in ast.walk(tree):
        if here[0] != "tests" and isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("tf.keras", "tensorflow.keras")
        assert here[0] == "tests" or not isinstance(node, ast.Assert)


@pytest.mark.parametrize("path", [p for p in FILES if p[:6] == "tfdcu/"])
def test_private_names_of_keras_are_in_one_file(path):
    names = private_names(ast.parse((ROOT / path).read_text("utf-8")))
    if path.startswith("tfdcu/search/"):
        # Those of keras-tuner stay in its quarantine.
        return
    assert bool(names) == (path == "tfdcu/graph/keras_private.py"), names


def test_every_room_has_a_floor():
    rooms = {path.stem for path in (ROOT / "tfdcu").glob("[a-z]*")}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_documented(name):
    assert undocumented(PUBLIC[name]) == []
