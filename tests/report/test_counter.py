"""A long count says how far it is, and what time is left."""

import io
import sys

import pytest

from tests.report.test_progress import Clock
from tfdcu.report import Counter
from tfdcu.report import progress as module


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_the_time_left_is_that_of_the_rest_at_the_mean_pace(clock):
    counter = Counter("targets", 100)
    assert counter.seconds_left() is None
    clock.now += 60
    counter.add(10)
    assert counter.seconds_left() is None
    for _ in range(3):
        clock.now += 2
        counter.add(10)
    assert counter.seconds_left() == pytest.approx(60 * 0.2)


def test_a_line_comes_now_and_then_where_there_is_no_terminal(clock, capsys):
    counter = Counter("targets", 50_000, seconds=30)
    for _ in range(5):
        counter.add(1000)
        clock.now += 31
    assert capsys.readouterr().out.splitlines() == [
        f"targets: {num},000 of 50,000 images; about {left} left"
        for num, left in ((2, "24 min 48 s"), (3, "24 min 17 s"))
        + ((4, "23 min 46 s"), (5, "23 min 15 s"))
    ]


def test_nothing_is_said_of_the_time_before_there_is_a_pace(clock, capsys):
    counter = Counter("targets", 50_000)
    clock.now += 31
    counter.add(1000)
    out = capsys.readouterr().out
    assert out == "targets: 1,000 of 50,000 images\n"


def test_a_bar_moves_on_a_terminal(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    counter = Counter("targets", 20)
    counter.add(10)
    counter.add(10)
    assert "10/20" in terminal.getvalue() and "20/20" in terminal.getvalue()
