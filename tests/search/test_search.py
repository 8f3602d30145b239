import json
import shutil
import sys

import keras
import numpy as np
import pytest

from tests.support import tiny
from tests.support.processes import held
from tfdcu.export import LiteRTModel
from tfdcu.search import search
from tfdcu.search import tuners

pytestmark = pytest.mark.usefixtures("no_pictures")
MODULE = "tfdcu.search.search"
SPACE = {
    "channels": {"macs": [0.5, 0.2, 0.9]},
    "transfer": {"temperature": [2.0]},
}


def arguments(**changes):
    """A search of three students of a tiny teacher, one of them too large."""
    few = tiny.images(8), tiny.labels(8)
    return {
        "teacher": tiny.plain_net(norm=False),
        "labeled": few,
        "unlabeled": tiny.images(64, seed=1),
        "test": (tiny.images(16, seed=2), tiny.labels(16)),
        "space": SPACE,
        "tuner": "GridSearch",
        "max_trials": 3,
        "limits": {"macs": 200_000},
        "data": {"pool_validation": 32},
        "batches": {"batch_size": 16},
        "channels": {"round_to": 1, "macs": 0.5},
        "transfer": {"align_weight": 0.0},
        "training": {"epochs": 1},
        "export": {"formats": ("float32",)},
        **changes,
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return folder, search(**arguments(), workdir=folder)


def test_every_trial_has_an_outcome_and_the_large_one_was_refused(found):
    _, record = found
    macs = [one["values"]["channels.macs"] for one in record["trials"]]
    status = {m: one["status"] for m, one in zip(macs, record["trials"])}
    assert status == {0.5: "finished", 0.2: "finished", 0.9: "refused"}
    refused = record["trials"][macs.index(0.9)]
    assert "limit 200,000" in refused["reason"]
    assert refused["metrics"] == {}


def test_a_trial_s_costs_and_score_are_those_of_its_student(found):
    _, record = found
    teacher = record["teacher"]
    assert teacher["quality"] == 1.0
    for one in record["trials"]:
        if one["status"] == "finished":
            metrics = one["metrics"]
            share = metrics["macs"] / teacher["macs"]
            assert share <= one["values"]["channels.macs"]
            score = metrics["val_agreement"] - 0.01 * np.log2(share)
            assert metrics["score"] == pytest.approx(score)


def test_every_student_comes_with_its_keras_and_checked_litert_file(found):
    folder, record = found
    assert any(one["on_front"] for one in record["students"])
    assert sum(one["chosen"] for one in record["students"]) == 1
    images = tiny.images(4, seed=5)
    for one in record["students"]:
        names = [folder / one["folder"] / name for name in one["files"]]
        assert [name.name for name in names] == [
            "student.keras",
            "student_float32.tflite",
        ]
        student = keras.models.load_model(names[0])
        np.testing.assert_allclose(
            LiteRTModel(names[1])(images),
            student(images, training=False),
            rtol=1e-4,
            atol=1e-5,
        )
        assert 0 <= one["test_accuracy"] <= 1


def test_table_picture_record_and_tensorboard_are_in_the_workdir(found):
    folder, record = found
    assert json.loads((folder / "front.json").read_text()) == record
    assert (folder / "front.md").read_text().startswith("| student")
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "logs/trials").glob("*/execution0/**/events*"))


def test_a_finished_search_returns_its_record_at_once(found, monkeypatch):
    folder, record = found
    monkeypatch.setattr(tuners.Tuner, "search", None)
    assert search(**arguments(), workdir=folder) == record


def test_another_search_in_the_same_workdir_is_refused(found):
    folder, _ = found
    with pytest.raises(ValueError, match="another config.*tradeoff is 0.5"):
        search(**arguments(tradeoff=0.5), workdir=folder)


def test_a_search_in_use_is_refused_before_its_first_trial(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules[MODULE], "all_trials", lambda *_: None)
    with held(tmp_path) as process:
        with pytest.raises(ValueError, match=f"by process {process.pid} on "):
            search(**arguments(), workdir=tmp_path)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    with held(tmp_path, "worker0") as process:
        with pytest.raises(ValueError, match="in use as 'worker0' by process"):
            search(**arguments(), workdir=tmp_path)
    with held(tmp_path, "worker1") as process:
        assert search(**arguments(), workdir=tmp_path) is None


@pytest.mark.slow
def test_a_search_that_was_killed_ends_the_same(found, tmp_path, monkeypatch):
    """The kill comes in the second trial; the first is not run again."""
    _, unbroken = found
    run_trial, runs = tuners.Tuner.run_trial, []

    def killed(self, trial, *args, **kwargs):
        runs.append(trial.trial_id)
        if runs == ["0", "1"]:
            raise KeyboardInterrupt
        return run_trial(self, trial, *args, **kwargs)

    monkeypatch.setattr(tuners.Tuner, "run_trial", killed)
    with pytest.raises(KeyboardInterrupt):
        search(**arguments(), workdir=tmp_path)
    record = search(**arguments(), workdir=tmp_path)
    assert runs == ["0", "1", "1", "2"]
    assert untimed(record["trials"]) == untimed(unbroken["trials"])
    assert untimed(record["students"]) == untimed(unbroken["students"])


def untimed(entries):
    """Records without what a clock measured."""
    timed = ("seconds", "train_seconds", "latency_ms")

    def plain(one):
        return {
            key: plain(value) if isinstance(value, dict) else value
            for key, value in one.items()
            if key not in timed
        }

    return [plain(one) for one in entries]


def test_if_no_trial_finishes_the_error_has_the_reasons(tmp_path):
    with pytest.raises(ValueError, match="No trial finished.*0: Refused: macs"):
        search(**arguments(limits={"macs": 10}, max_trials=1), workdir=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"channels.mcas": (0.1, 0.5)}}, "nearest is 'macs'"),
        ({"space": {"channels.macs": (0.5, 0.5)}}, "Invalid range"),
        ({"dada": {}}, "nearest is 'data'"),
        ({"max_trial": 3}, "nearest is 'max_trials'"),
        ({"baseline": True}, "Unknown argument of a search"),
        ({"tuner": "RandomSerch"}, "nearest is 'RandomSearch'"),
        ({"cost": "byte"}, "nearest is 'bytes'"),
        ({"limits": {"latency": 2.0}}, "nearest is 'latency_ms'"),
        ({"quality": "agree"}, "nearest is 'agreement'"),
        ({"quality": "accuracy"}, "no images to measure accuracy"),
        ({"max_trials": 0}, "max_trials=0"),
        ({"max_winners": 0.5}, "max_winners=0.5"),
        ({"pool_share": 0.0}, "pool_share=0.0"),
        ({"epochs_share": 1.5}, "epochs_share=1.5"),
        ({"tradeoff": -1.0}, "tradeoff=-1.0"),
        ({"channels": {"makros": 0.5}}, "Unknown field"),
        ({"student": tiny.plain_net()}, "not pruned"),
    ],
)
def test_bad_arguments_are_refused_before_the_first_trial(
    changes, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        search(**arguments(**changes), workdir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"optimizer": "adamm"}}, "adamm"),
        ({"sparsity": {"m_by_n": (2, 4)}}, "final_sparsity"),
        ({"space": {"channels": {"importance": ["l1", "l9"]}}}, "l9"),
        ({"space": {"channels.macs": (-0.5, 0.5)}}, "macs=-0.5"),
    ],
)
def test_an_invalid_option_is_found_before_the_first_trial(
    tmp_path, changes, message
):
    with pytest.raises(ValueError, match=message):
        search(**arguments(**changes), workdir=tmp_path / "search")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [{"max_trials": 4}, {"max_winners": 9}])
def test_a_finished_search_continues_with_more_trials_or_winners(
    found, tmp_path, monkeypatch, more
):
    folder = shutil.copytree(found[0], tmp_path / "copy")
    monkeypatch.setattr(tuners.Tuner, "search", None)
    with pytest.raises(TypeError, match="not callable"):
        search(**arguments(**more), workdir=folder)


@pytest.mark.slow
def test_bits_are_searched_and_counted_by_file(tmp_path):
    space = {"quantization": {"weight_bits": [None, 8, 4]}}
    changes = {
        "teacher": tiny.plain_net(norm=False, width=32),
        "space": space,
        "limits": None,
        "cost": "bytes",
        "tradeoff": 0.0,
        "max_winners": 3,
    }
    record = search(**arguments(**changes), workdir=tmp_path)
    trials = {
        one["values"]["quantization.weight_bits"]: one["metrics"]
        for one in record["trials"]
    }
    sizes = [trials[bits]["bytes"] for bits in (4, 8, None)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
    # The network is the same; only its file is another.
    assert len({one["macs"] for one in trials.values()}) == 1
    assert len({one["params"] for one in trials.values()}) == 1
    formats = {None: "float32", 8: "int8", 4: "int8_weight4"}
    assert record["students"]
    for one in record["students"]:
        bits = one["values"]["quantization.weight_bits"]
        assert one["format"] == formats[bits] and one["reason"] is None
        file = tmp_path / one["folder"] / f"student_{formats[bits]}.tflite"
        assert file.stat().st_size == one["bytes"]
        # Names in the file differ by some bytes.
        assert one["bytes"] == pytest.approx(trials[bits]["bytes"], rel=0.01)
