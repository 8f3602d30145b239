import json
import math
import os

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.report import read_report
from tfdcu.report import write_report
from tfdcu.workdir import atomic


def test_what_was_written_is_read(tmp_path):
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


def test_the_given_record_is_left_alone(tmp_path):
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
        ("format", "onnx"),
        ("accuracy", 98.2),
        ("accuracy", -0.1),
        ("agreement", "0.9"),
        ("agreement", True),
        ("bytes", -1),
        ("latency_ms", "fast"),
        ("extra", {"not": "flat"}),
    ],
)
def test_a_wrong_value_is_named(tmp_path, key, value):
    record = tiny.report_record()
    record["rows"][2][key] = value
    with pytest.raises(
        ValueError, match=f"'{key}' of row 2 .* Expected .* Received: "
    ):
        write_report(tmp_path / "report.json", record)
    assert os.listdir(tmp_path) == []


def test_a_missing_key_is_named(tmp_path):
    record = tiny.report_record()
    del record["rows"][1]["gzip_bytes"]
    with pytest.raises(ValueError, match=r"Row 1 .* Missing: \['gzip_bytes'\]"):
        write_report(tmp_path / "report.json", record)


@pytest.mark.parametrize("rows", [None, [], {}, "rows"])
def test_rows_are_needed(tmp_path, rows):
    with pytest.raises(ValueError, match="A record needs rows. Expected"):
        write_report(tmp_path / "report.json", {"rows": rows})


def test_rows_are_dicts_that_can_be_told_apart(tmp_path):
    row = tiny.report_row()
    with pytest.raises(ValueError, match=r"once\. Received .*'student'"):
        write_report(tmp_path / "report.json", {"rows": [row, row]})
    with pytest.raises(ValueError, match="Row 0 of a record lacks keys"):
        write_report(tmp_path / "report.json", {"rows": ["teacher"]})


def test_sections_are_known_and_have_their_type(tmp_path):
    record = tiny.report_record()
    with pytest.raises(ValueError, match=r"Received also: \['histroy'\]"):
        write_report(tmp_path / "report.json", {**record, "histroy": {}})
    with pytest.raises(ValueError, match="'notes' .* Expected a list"):
        write_report(tmp_path / "report.json", {**record, "notes": "one"})


def test_reading_says_what_is_wrong_with_the_file(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(ValueError, match="Received: no file there"):
        read_report(path)
    path.write_text('{"rows": [')
    with pytest.raises(ValueError, match="cannot be read as JSON"):
        read_report(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="cannot be read as JSON"):
        read_report(path)
    path.write_text("[1]")
    with pytest.raises(ValueError, match="A record needs rows"):
        read_report(path)
