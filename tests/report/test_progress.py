"""Progress bars: estimates, lines in logs, no wrapping."""

import io
import os
import re
import sys

import keras
import pytest
import tqdm.std

from tests.support import tiny
from tfdcu.report import Progress
from tfdcu.report import ProgressBar

LOGS = {"loss": 3.0, "label": 0.5, "mimic": 2.0, "align": 0.69}
METRICS = "loss 3, label 0.5, mimic 2, align 0.69"


class Clock:
    """tqdm's clock with hands that the test moves."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(tqdm.std, "time", clock)
    return clock


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True

    def fileno(self):
        return 1


def open_terminal(monkeypatch, columns=120):
    """Called in the test: pytest sets stdout again after the fixtures."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    size = os.terminal_size((columns, 40))
    monkeypatch.setattr(os, "get_terminal_size", lambda _: size)
    return sys.stdout


def on_screen(terminal):
    """What is visible: lines, without what was overwritten."""
    lines = []
    for line in terminal.getvalue().split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def begin(epochs, steps, epoch=0):
    callback = Progress("student")
    callback.set_params({"steps": steps, "epochs": epochs, "verbose": 0})
    callback.on_train_begin()
    callback.on_epoch_begin(epoch)
    return callback


def run(callback, clock, steps, seconds, start=0):
    for step in range(start, start + steps):
        clock.now += seconds
        callback.on_train_batch_end(step, LOGS)


def time_left(callback):
    return re.search(r", (\S+) left", str(callback.bar))[1]


def test_the_time_left_counts_all_epochs_but_not_the_first_step(clock):
    callback = begin(epochs=3, steps=10)
    run(callback, clock, 1, 60)
    assert time_left(callback) == "?"
    run(callback, clock, 4, 2, start=1)
    assert time_left(callback) == "00:50"


def test_the_time_of_validation_counts(clock):
    callback = begin(epochs=3, steps=10)
    run(callback, clock, 10, 1)
    clock.now += 9
    callback.on_epoch_end(0, LOGS)
    # 9 steps and the validation took 18 s, 20 steps are left.
    assert time_left(callback) == "00:40"


def test_several_steps_an_execution_are_counted(clock):
    callback = begin(epochs=3, steps=10)
    for batch in (4, 9):
        clock.now += 5
        callback.on_train_batch_end(batch, LOGS)
    assert time_left(callback) == "00:20"


def test_a_resumed_training_counts_only_what_is_left(clock):
    callback = begin(epochs=5, steps=10, epoch=3)
    run(callback, clock, 5, 1)
    assert time_left(callback) == "00:15"


def test_the_time_left_is_unknown_until_the_number_of_steps_is(clock):
    callback = begin(epochs=3, steps=None)
    run(callback, clock, 10, 1)
    callback.on_epoch_end(0, LOGS)
    assert time_left(callback) == "?"
    callback.params["steps"] = 10
    callback.on_epoch_begin(1)
    run(callback, clock, 5, 1)
    assert time_left(callback) == "00:15"


def test_a_log_gets_a_line_an_epoch_and_few_between(clock, capsys):
    callback = begin(epochs=2, steps=100)
    run(callback, clock, 100, 1.001)
    callback.on_epoch_end(0, {**LOGS, "val_accuracy": 0.75})
    callback.on_epoch_begin(1)
    run(callback, clock, 25, 1.001)
    callback.on_train_end()
    text = capsys.readouterr().out
    assert text.splitlines() == [
        f"student: 0.31/2 epochs, 02:49 left, {METRICS}",
        f"student: 0.61/2 epochs, 02:19 left, {METRICS}",
        f"student: 0.91/2 epochs, 01:49 left, {METRICS}",
        f"student: 1/2 epochs, 01:40 left, {METRICS}, val_accuracy 0.75",
    ]
    assert all(c == "\n" or c.isprintable() for c in text)


def test_a_terminal_gets_a_bar_and_a_line_an_epoch(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    callback = begin(epochs=2, steps=10)
    run(callback, clock, 5, 1)
    (bar,) = on_screen(terminal)
    assert "25%|██" in bar and bar.endswith(METRICS)
    run(callback, clock, 5, 1, start=5)
    callback.on_epoch_end(0, LOGS)
    line, bar = on_screen(terminal)
    assert line == f"student: 1/2 epochs, 00:10 left, {METRICS}"
    assert "50%|█████" in bar
    callback.on_epoch_begin(1)
    run(callback, clock, 10, 1)
    callback.on_epoch_end(1, LOGS)
    callback.on_train_end()
    assert [text[:19] for text in on_screen(terminal)] == [
        "student: 1/2 epochs",
        "student: 2/2 epochs",
        "",
    ]


@pytest.mark.parametrize("columns", [20, 62, 100])
def test_a_bar_never_wraps(clock, monkeypatch, columns):
    terminal = open_terminal(monkeypatch, columns)
    callback = begin(epochs=3, steps=10)
    run(callback, clock, 4, 1)
    (bar,) = on_screen(terminal)
    assert bar.startswith("student:  ") and len(bar) <= columns


def test_it_reads_what_fit_logs(capsys):
    model = tiny.plain_net()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    data = (tiny.images(), tiny.labels())
    history = model.fit(
        *data,
        batch_size=4,
        epochs=3,
        initial_epoch=1,
        validation_data=data,
        verbose=0,
        callbacks=[Progress("student")],
    ).history
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for index, line in enumerate(lines):
        assert line.startswith(f"student: {index + 2}/3 epochs, ")
        for name, values in history.items():
            assert f"{name} {values[index]:.4g}" in line


def test_counted_images_are_lines_in_a_log_if_it_takes_long(clock, capsys):
    with ProgressBar("targets", 50_000) as bar:
        for _ in range(5):
            clock.now += 20
            bar.update(1000)
    assert capsys.readouterr().out.splitlines() == [
        "targets: 2000/50000 images, 16:00 left",
        "targets: 4000/50000 images, 15:20 left",
    ]


def test_counted_images_are_a_bar_on_a_terminal(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    with ProgressBar("targets", 20) as bar:
        clock.now += 1
        bar.update(10)
        assert "50%|█████     | 10/20 images" in on_screen(terminal)[0]
        bar.update(10)
    assert "100%|██████████| 20/20 images" in on_screen(terminal)[0]
    assert on_screen(terminal)[1:] == [""]
