"""The folder of a run."""

import errno
import json
import os

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.models import custom_layers
from tfdcu.workdir.atomic import MACHINE
from tfdcu.workdir.workdir import RESULTS
from tfdcu.workdir.workdir import Workdir
from tfdcu.workdir.workdir import diff
from tfdcu.workdir.workdir import save_model

CONFIG = {"seed": 0, "training": {"epochs": 3, "optimizer": "sgd"}}


def open_run(path, config=CONFIG, versions=None):
    return Workdir(path, config, versions or {"keras": "3"})


def test_config_json_holds_config_and_versions(tmp_path):
    run = open_run(tmp_path / "deep" / "run")
    there = json.loads((run.path / "config.json").read_text())
    assert there == {**CONFIG, "versions": {"keras": "3"}}
    assert [p.name for p in run.path.iterdir()] == ["config.json"]


def test_the_same_config_opens_it_again_whatever_the_versions(tmp_path):
    open_run(tmp_path)
    again = open_run(tmp_path, versions={"keras": "4"})
    assert again.versions == {"keras": "3"}


def test_tuples_and_lists_are_the_same_config(tmp_path):
    open_run(tmp_path, {"formats": ("int8", "float32")})
    open_run(tmp_path, {"formats": ["int8", "float32"]})


def test_another_config_is_refused_and_only_what_differs_is_named(tmp_path):
    open_run(tmp_path)
    other = {"seed": 0, "training": {"epochs": 4, "optimizer": "sgd"}, "x": 1}
    with pytest.raises(ValueError, match="another workdir") as error:
        open_run(tmp_path, other)
    message = str(error.value)
    assert message.endswith("training.epochs is 4, was 3; x is 1, was None")


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"seed": 0}', "3"])
def test_a_foreign_config_file_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match="not of a run.*with config.json"):
        open_run(tmp_path)
    assert (tmp_path / "config.json").read_text() == content


@pytest.mark.parametrize("name", RESULTS)
def test_results_without_a_config_are_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"not of a run.*with {name}"):
        open_run(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_other_files_may_lie_beside_a_run(tmp_path):
    (tmp_path / "teacher.keras").touch()
    open_run(tmp_path)


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match="cannot be written"):
            open_run(path)


def test_temporary_files_of_a_killed_run_are_deleted(tmp_path):
    run = open_run(tmp_path)
    (tmp_path / "training").mkdir()
    mark = f"{MACHINE}-{os.getpid()}.tmp"
    left = [
        tmp_path / f".student.keras.{mark}",
        tmp_path / "training" / f".epoch-0001.weights.h5.{mark}",
    ]
    kept = [tmp_path / ".hidden", tmp_path / "notes.17.tmp"]
    for path in (*left, *kept):
        path.touch()
    open_run(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)
    assert (run.path / "config.json").exists()


def test_a_model_is_made_once_and_always_read_from_its_file(tmp_path):
    run = open_run(tmp_path)
    net = tiny.plain_net()
    first = run.model("student", lambda: net)
    second = run.model("student", lambda: pytest.fail("made twice"))
    assert first is not net and second is not net
    for one, two, three in zip(
        net.get_weights(), first.get_weights(), second.get_weights()
    ):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_python_code_in_a_model_file_is_not_run(tmp_path):
    run = open_run(tmp_path)
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x: 2 * x)(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "student.keras")
    with pytest.raises(ValueError, match="unsafe|safe_mode"):
        run.model("student", None)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()]
)
def test_a_failed_write_of_a_model_keeps_existing_files(
    tmp_path, monkeypatch, error
):
    file = tmp_path / "student.keras"
    save_model(tiny.plain_net(), file)
    before = file.read_bytes()

    def torn(descriptor):
        raise error

    monkeypatch.setattr("os.fsync", torn)
    with pytest.raises(type(error)):
        save_model(tiny.plain_net(seed=1), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_json_is_read_back_or_the_default(tmp_path):
    run = open_run(tmp_path)
    run.write_json("deep/values.json", {"a": [1, 2.5, None]})
    assert run.read_json("deep/values.json") == {"a": [1, 2.5, None]}
    assert run.read_json("nowhere.json", 7) == 7


def test_seconds_add_up_over_starts_and_count_failures(tmp_path, monkeypatch):
    clock = iter([10.0, 12.0, 100.0, 103.5])
    monkeypatch.setattr(
        "tfdcu.workdir.workdir.time.monotonic", lambda: next(clock)
    )
    with open_run(tmp_path).stage("transfer"):
        pass
    with pytest.raises(RuntimeError):
        with open_run(tmp_path).stage("transfer"):
            raise RuntimeError
    assert open_run(tmp_path).seconds() == {"transfer": 5.5}


def test_seconds_are_kept_before_a_stage_ends(tmp_path, monkeypatch):
    clock = iter([10.0, 12.0, 15.0, 19.0])
    monkeypatch.setattr(
        "tfdcu.workdir.workdir.time.monotonic", lambda: next(clock)
    )
    run = open_run(tmp_path)
    with run.stage("transfer"):
        for so_far in (2.0, 5.0):
            run.keep_time()
            assert open_run(tmp_path).seconds() == {"transfer": so_far}
    assert open_run(tmp_path).seconds() == {"transfer": 9.0}


def test_differences_name_leaves():
    one = {"a": {"b": 1, "c": [1]}, "d": None}
    assert diff(one, one) == []
    assert diff(one, {"a": {"b": 2, "c": [1]}}) == ["a.b is 2, was 1"]
    assert diff(one, {**one, "a": 3}) == ["a is 3, was {'b': 1, 'c': [1]}"]


def test_a_json_file_is_made_once(tmp_path):
    run = open_run(tmp_path)
    first = run.cached_json("found.json", lambda: {"share": 0.5})
    second = run.cached_json("found.json", lambda: pytest.fail("made twice"))
    assert first == second == {"share": 0.5}


class Doubled(keras.layers.Layer):
    """A layer that Keras does not know by its name."""

    def call(self, x):
        return 2 * x


def test_custom_layers_are_loaded(tmp_path):
    net = tiny.plain_net()
    model = keras.Model(net.input, Doubled()(net.output))
    run = Workdir(tmp_path, {}, {}, custom_layers(model))
    read = run.model("student", lambda: model)
    tiny.assert_same_function(model, read, tiny.images())
    assert custom_layers(net) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": [}'])
def test_damaged_json_is_named(tmp_path, content):
    run = open_run(tmp_path)
    for name in ("a.json", "seconds.json", "export.json"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="a.json'.*Expected.*Received: .+"):
        run.read_json("a.json")
    assert run.seconds() == {}
    run.renew("export.json", {"new": 1}, [])
    assert run.read_json("export.json") == {"new": 1}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF"])
def test_a_damaged_model_is_named(tmp_path, content):
    run = open_run(tmp_path)
    (tmp_path / "student.keras").write_bytes(content)
    with pytest.raises(ValueError, match="keras'.*Expected: .*Received: .+"):
        run.model("student", None)


def test_a_result_that_was_changed_is_made_again(tmp_path):
    run = open_run(tmp_path)
    run.cached_json("diagnosis.json", lambda: {"keep": [1]})
    (tmp_path / "diagnosis.json").write_text('{"keep": [2]}')
    again = open_run(tmp_path)
    (sentence,) = again.remade
    assert "diagnosis.json" in sentence
    made = again.cached_json("diagnosis.json", lambda: {"keep": [1]})
    assert made == {"keep": [1]} and open_run(tmp_path).remade == []
