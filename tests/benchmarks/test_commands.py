"""Benchmarks as commands: their flags reach their runs, none is run here."""

import inspect
import json

import pytest
from absl import flags
from absl.testing import flagsaver

from benchmarks.accuracy import ablation
from benchmarks.search import cifar10
from benchmarks.search import digits
from benchmarks.speed import side_by_side
from tfdcu.search import search


@pytest.fixture
def command(tmp_path):
    """A function (main, flags) that starts a benchmark in an empty folder."""
    flags.FLAGS.mark_as_parsed()

    def start(main, **values):
        values = {"teacher": "t.keras", "runs": str(tmp_path / "runs")} | values
        with flagsaver.flagsaver(**values):
            main(["benchmark"])

    yield start
    flags.FLAGS.unparse_flags()


@pytest.fixture
def searched(monkeypatch, tmp_path):
    """The configs that the benchmarks of search are run with."""
    configs = []

    def compared(config, runs):
        configs.append(config)
        (runs / "search").mkdir(parents=True, exist_ok=True)
        (runs / "search/front.png").write_bytes(b"a picture")
        one = {"macs": 1e6, "agreement": 0.9, "test_accuracy": 0.8}
        trials = {"finished": 3, "refused": 1, "failed": 0}
        seconds = {"trials": 1.0, "full": 2.0, "not_training_share": 0.5}
        return {
            "seed": config["seed"],
            "default": one,
            "found": one,
            "front": [[1e6, 0.9, 0.8]],
            "trials": trials,
            "seconds": seconds,
        }

    monkeypatch.setattr(digits, "compared", compared)
    for module in (digits, cifar10):
        monkeypatch.setattr(module, "HERE", tmp_path)
    return configs


def assert_searchable(config):
    """Every field of an experiment's config has a home."""
    config = dict(config)
    for name in ("train_teacher", "baseline"):
        config.pop(name, None)
    searching = config.pop("search")
    inspect.signature(search).bind(**config, **searching, workdir="runs")


def test_the_search_on_cifar10_reads_its_flags(command, searched, tmp_path):
    command(cifar10.main, data_dir="prepared")
    (config,) = searched
    assert config["teacher"] == "t.keras"
    assert config["data"]["data_dir"] == "prepared"
    assert_searchable(config)
    assert (tmp_path / "cifar10.png").read_bytes() == b"a picture"
    assert json.loads((tmp_path / "cifar10.json").read_text())[0]["seed"] == 0
    command(cifar10.main, data_dir="prepared")
    assert len(searched) == 1


def test_the_search_on_digits_has_a_row_a_seed(command, searched, tmp_path):
    command(digits.main, seeds=2)
    assert [config["seed"] for config in searched] == [0, 1]
    assert {config["teacher"] for config in searched} == {"t.keras"}
    for config in searched:
        assert_searchable(config)
    assert "| mean | 1,000,000 |" in (tmp_path / "digits.md").read_text()


def test_an_ablation_runs_the_missing_rows(command, monkeypatch, tmp_path):
    asked = []

    def run(example, step, seed, folder):
        asked.append((example.name, example.teacher, step, seed))
        return {
            "step": step,
            "seed": seed,
            "teacher": 0.9,
            "student": 0.8,
            "int8": 0.8,
            "seconds": 60,
        }

    monkeypatch.setattr(ablation, "HERE", tmp_path)
    monkeypatch.setattr(ablation, "run", run)
    rows = ["1 labels", "mse"]
    command(ablation.main, rows=rows, seeds=1)
    command(ablation.main, rows=rows, seeds=2)
    assert asked == [
        ("digits", "t.keras", step, seed) for seed in (0, 1) for step in rows
    ]
    assert "| mse | 2 | 80.00" in (tmp_path / "digits.md").read_text()
    with pytest.raises(SystemExit, match="unknown rows.*'7 magic'"):
        command(ablation.main, rows=["7 magic"])


def test_side_by_side_measures_the_given_rows(command, monkeypatch, tmp_path):
    def open_workload(*arguments, **keywords):
        return arguments, keywords

    measured = []
    monkeypatch.setattr(side_by_side, "open_workload", open_workload)
    monkeypatch.setattr(
        side_by_side, "measure", lambda *found: measured.append(found)
    )
    command(
        side_by_side.main,
        data_dir="prepared",
        rows=["9"],
        turns=3,
        steps=7,
        out=str(tmp_path),
    )
    ((workload, file, rows),) = measured
    (teacher, data_dir, _), keywords = workload
    assert (teacher, data_dir) == ("t.keras", "prepared")
    assert (keywords["turns"], keywords["steps"]) == (3, 7)
    assert (file, rows) == (tmp_path / "side_by_side.json", ["9"])
    with pytest.raises(SystemExit, match="unknown rows.*'99'"):
        command(side_by_side.main, data_dir="prepared", rows=["99"])
