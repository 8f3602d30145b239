"""The house plan, read from the syntax tree, so that it cannot rot."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Imports run downhill only; rooms on one floor do not import one another.
FLOORS = (
    ("renamed",),
    ("workdir",),
    ("graph", "sparsity"),
    (
        "models",
        "data",
        "export",
        "report",
        "pruning",
        "quantization",
        "training",
    ),
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
    "ai_edge_litert": (
        "tfdcu/export/",
        "benchmarks/quantization/kernels.py",
        "tests/",
    ),
    "apache_beam": ("tfdcu/pool/beam.py", "tests/"),
    "absl": ("tfdcu_cli/", "benchmarks/", "tests/"),
    "ml_collections": ("tfdcu_cli/", "configs/", "benchmarks/", "tests/"),
    "tfdcu_cli": (
        "tfdcu_cli/",
        "configs/",
        "scripts/",
        "benchmarks/",
        "tests/",
    ),
    "tf_keras": ("tests/support/keras2_files.py",),
    "pickle": ("tests/",),
    "tests": ("tests/",),
}
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in (
        "tfdcu",
        "tfdcu_cli",
        "configs",
        "scripts",
        "benchmarks",
        "tests",
    )
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def imports(tree):
    """All dotted names that are imported, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


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


def test_every_room_has_a_floor():
    rooms = {path.stem for path in (ROOT / "tfdcu").glob("[a-z]*")}
    assert rooms == set(FLOOR)
