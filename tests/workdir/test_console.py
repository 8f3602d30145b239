"""What a run prints: by `verbose`, and always in its file."""

import io
import re
import sys

import pytest

from tfdcu.workdir.console import console
from tfdcu.workdir.console import printable


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown_on(monkeypatch):
    """Called in the test: pytest sets stdout again after the fixtures."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    return sys.stdout


def lines(path):
    """The lines of a file without their times."""
    text = path.read_text()
    return re.sub(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", text, flags=re.M
    ).splitlines()


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_the_file_has_what_the_terminal_may_not(monkeypatch, tmp_path, verbose):
    terminal = shown_on(monkeypatch)
    with console(verbose) as log:
        print("before there is a folder")
        log.keep(tmp_path / "log.txt")
        print("after", "it", end="")
        assert sys.stdout.isatty() == (verbose == 1)
    text = "before there is a folder\nafter it"
    assert terminal.getvalue() == (text if verbose else "")
    assert lines(tmp_path / "log.txt") == text.splitlines()
    assert sys.stdout is terminal


def test_a_bar_leaves_only_its_last_line(monkeypatch, tmp_path):
    terminal = shown_on(monkeypatch)
    with console() as log:
        log.keep(tmp_path / "log.txt")
        print("\rbar: 1/2", end="")
        print("\rbar: 2/2   \ndone")
    assert lines(tmp_path / "log.txt") == ["bar: 2/2", "done"]
    assert "\rbar: 1/2" in terminal.getvalue()


def test_a_second_run_writes_below_the_first(monkeypatch, tmp_path):
    shown_on(monkeypatch)
    for word in ("one", "two"):
        with console(0) as log:
            log.keep(tmp_path / "log.txt")
            print(word)
    assert lines(tmp_path / "log.txt") == ["one", "two"]


def test_an_error_keeps_what_was_printed(monkeypatch, tmp_path):
    terminal = shown_on(monkeypatch)
    with pytest.raises(KeyError):
        with console(2) as log:
            log.keep(tmp_path / "log.txt")
            print("so far")
            raise KeyError
    assert lines(tmp_path / "log.txt") == ["so far"]
    assert sys.stdout is terminal


def test_a_file_that_cannot_be_written_costs_no_run(monkeypatch, tmp_path):
    terminal = shown_on(monkeypatch)
    with console() as log:
        log.keep(tmp_path / "none" / "log.txt")
        print("goes on")
    assert terminal.getvalue() == "goes on\n"


@pytest.mark.parametrize("verbose", [3, -1, 1.5, "auto", None])
def test_another_level_is_refused(verbose):
    with pytest.raises(ValueError, match="`verbose`. Expected: .* from 0 to 2"):
        with console(verbose):
            raise AssertionError


def test_a_letter_that_a_terminal_does_not_have_stops_no_run(
    monkeypatch, tmp_path
):
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with console() as log:
        log.keep(tmp_path / "log.txt")
        print("caf\u00e9 \ud800 \u2013 done")
    terminal.flush()
    assert terminal.buffer.getvalue() == b"caf? ? ? done\n"
    assert lines(tmp_path / "log.txt") == ["caf? ? ? done"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9, 犬", "caf\u00e9, 犬"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("two\r\nlines\ttab", "two lines tab"),
        ("\x07\x9b2J\u202eabc", "2J abc"),
        ("not\udcfftext", "not text"),
    ],
)
def test_what_a_terminal_would_obey_becomes_a_space(text, shown):
    assert printable(text) == shown
