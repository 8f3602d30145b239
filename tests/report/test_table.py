import copy

from tests.support import tiny
from tfdcu.report import markdown_table
from tfdcu.report import table


def test_cells_stand_under_their_heads():
    header, rule, *lines = table(tiny.report_record()["rows"]).splitlines()
    assert set(rule) == {"-"}
    end = header.index("latency") + len("latency")
    for line, latency in zip(lines, ["–", "2.00 ms", "–", "–", "1.00 ms"]):
        assert line[:end].endswith(latency)
        assert len(line) == end


def test_students_are_compared_with_the_teacher():
    text = table(tiny.report_record()["rows"])
    comparisons = text.split("Against the teacher")[1]
    assert (
        "student int8          4.0x fewer macs, 2.0x fewer params, "
        "8.0x smaller, 1.5x slower" in comparisons
    )
    assert "  teacher" not in comparisons


def test_less_than_100_percent_is_not_rounded_up():
    assert table([tiny.report_row(agreement=0.99999)]).count("99.99 %") == 1


def test_a_table_fits_100_columns_with_the_widest_values():
    row = tiny.report_row(
        "student " + "with a very long name " * 5,
        "dynamic",
        accuracy=1.0,
        agreement=1.0,
        params=999_000_000,
        macs=999_000_000,
        bytes=99_999_999_999,
        gzip_bytes=99_999_999_999,
        latency_ms=99_999.0,
    )
    teacher = {**copy.copy(row), "name": "teacher", "format": "float32"}
    text = table([teacher, row])
    assert max(map(len, text.splitlines())) <= 100
    assert "…" in text


def test_control_characters_in_names_are_removed():
    text = table([tiny.report_row("student\x1b[2J\r\nfake")])
    assert text.isprintable() or set(text) - {"\n"} == {
        c for c in text if c.isprintable()
    }
    assert "\x1b" not in text and len(text.splitlines()) == 3


def test_markdown_has_as_many_cells_in_each_line():
    lines = markdown_table(tiny.report_record()["rows"]).splitlines()
    assert len(lines) == 8
    assert {line.count("|") for line in lines} == {9}
    assert "| 10.0 kB (8.0x smaller) |" in lines[-1]
    assert "| 3.00 ms (1.5x slower) |" in lines[-1]


def test_markdown_names_are_text():
    line = markdown_table([tiny.report_row("a|b\n<img src=x>[x](y)")])
    name = line.splitlines()[-1]
    assert name.startswith("| a\\|b &lt;img src=x&gt;\\[x\\](y) |")
