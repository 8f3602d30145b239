import pytest

from tests.support import tiny
from tfdcu.report import rows as module


def test_networks_and_files_are_compared_separately():
    rows = tiny.report_record()["rows"]
    keras_teacher, file_teacher, _, student, _, int8 = rows
    assert module.teacher_row(rows, student) is keras_teacher
    assert module.teacher_row(rows, int8) is file_teacher
    assert module.ratio(int8, rows, "bytes") == pytest.approx(1 / 8)
    assert module.ratio(int8, rows, "latency_ms") == pytest.approx(1.5)
    assert module.ratio(student, rows, "macs") == pytest.approx(1 / 4)


def test_without_a_teacher_file_files_have_no_ratio_but_macs_have():
    rows = tiny.report_record()["rows"]
    del rows[1]
    int8 = rows[-1]
    assert module.ratio(int8, rows, "bytes") is None
    assert module.ratio(int8, rows, "params") == pytest.approx(1 / 2)


@pytest.mark.parametrize("value", [None, 0])
def test_no_ratio_without_both_values(value):
    rows = tiny.report_record()["rows"]
    rows[1]["latency_ms"] = value
    assert module.ratio(rows[-1], rows, "latency_ms") is None


def test_titles_name_the_format_once():
    row = tiny.report_row
    assert module.title(row("student")) == "student"
    assert module.title(row("student", "int8")) == "student int8"
    assert module.title(row("student int8", "int8")) == "student int8"
