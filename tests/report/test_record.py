import dataclasses
import json
import math
import os

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.report import Row
from tfdcu.report import read_report
from tfdcu.report import write_report
from tfdcu.workdir import atomic


def test_a_record_is_read_as_written(tmp_path):
    record = tiny.report_record()
    assert write_report(tmp_path / "a" / "report.json", record) == record
    assert read_report(tmp_path / "a" / "report.json") == record
    assert read_report(tmp_path / "a") == record


def test_numpy_becomes_plain_and_nan_null(tmp_path):
    record = tiny.report_record()
    record["rows"][0]["accuracy"] = np.float32(0.5)
    record["rows"][0]["macs"] = np.int64(7)
    record["rows"][1]["accuracy"] = float("nan")
    record["history"]["student"]["loss"] = np.array([1.0, math.inf])
    record["config"]["shape"] = (8, 8)
    record["classes"] = ["caf\udce9"]
    write_report(tmp_path / "report.json", record)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    text = (tmp_path / "report.json").read_text()
    read = json.loads(text, parse_constant=refuse)
    assert read["rows"][0]["accuracy"] == 0.5
    assert read["rows"][0]["macs"] == 7
    assert read["rows"][1]["accuracy"] is None
    assert read["history"]["student"]["loss"] == [1.0, None]
    assert read["config"]["shape"] == [8, 8]
    assert read["classes"] == ["caf\\udce9"]


def test_the_given_record_is_not_changed(tmp_path):
    record = tiny.report_record()
    record["rows"][0]["accuracy"] = float("nan")
    write_report(tmp_path / "report.json", record)
    assert math.isnan(record["rows"][0]["accuracy"])


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch
):
    path = tmp_path / "report.json"
    write_report(path, tiny.report_record())
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="disk filled up"):
        write_report(path, {**tiny.report_record(), "notes": ["new"]})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.parametrize(
    "key, value",
    [
        ("name", " "),
        ("name", None),
        ("format", "onnx"),
        ("accuracy", 98.2),
        ("accuracy", -0.1),
        ("agreement", "0.9"),
        ("bytes", -1),
        ("latency_ms", "fast"),
        ("macs", [1]),
        ("params", 1e308),
    ],
)
def test_a_wrong_value_is_named(tmp_path, key, value):
    row = {**tiny.report_row(), key: value}
    message = f"Invalid value for `{key}` .* Expected: .* Received: "
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / "report.json", {"rows": [row]})
    with pytest.raises(ValueError, match=message):
        Row(**row)
    assert os.listdir(tmp_path) == []


def test_row_fields_are_those_of_the_file(tmp_path):
    row = dataclasses.asdict(Row(name="student", format="keras"))
    assert row == tiny.report_row("student", "keras")
    written = write_report(tmp_path / "report.json", {"rows": [row]})
    assert list(written["rows"][0]) == list(row)


@pytest.mark.parametrize(
    "record, message",
    [
        ([1], "a record. Expected: a dict"),
        ({}, "`rows` .*at least one dict"),
        ({"rows": []}, "`rows` .*at least one dict"),
        ({"rows": "rows"}, "`rows` .* a list"),
        ({"rows": ["teacher"]}, "a row. .* keys .*'gzip_bytes'"),
        ({"rows": [{"name": "student"}]}, "a row. .* keys .*'gzip_bytes'"),
        ({"rows": [{**tiny.report_row(), "x": 1}]}, "a row. .* keys"),
        ({"rows": 2 * [tiny.report_row()]}, "name and format once.*student"),
        ({**tiny.report_record(), "histroy": {}}, "one of .*: 'histroy'"),
        ({**tiny.report_record(), "notes": "one"}, "`notes` .* a list.*'one'"),
    ],
)
def test_invalid_records_are_refused(tmp_path, record, message):
    message = f"^Invalid value for .*{message}"
    with pytest.raises(ValueError, match=message) as caught:
        write_report(tmp_path / "report.json", record)
    assert "Expected: " in str(caught.value)
    assert "Received: " in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_reading_an_invalid_file_names_the_problem(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(ValueError, match="Received: .*No such file"):
        read_report(path)
    path.write_text('{"rows": [')
    with pytest.raises(
        ValueError, match="cannot be read.* JSON file .*Received: "
    ):
        read_report(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(
        ValueError, match="cannot be read.* JSON file .*Received: "
    ):
        read_report(path)
    path.write_text("[1]")
    with pytest.raises(ValueError, match="a record. Expected: a dict"):
        read_report(path)
