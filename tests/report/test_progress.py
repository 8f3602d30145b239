import io
import re
import sys

import keras
import pytest

from tests.support import tiny
from tfdcu.report import Progress
from tfdcu.report import progress as module

LOGS = {"loss": 3.0, "label": 0.5, "mimic": 2.0, "align": 0.69}


class Clock:
    """`time` with hands that the test moves."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def begin(callback, steps=10, epochs=3, epoch=0):
    callback.set_params({"steps": steps, "epochs": epochs, "verbose": 0})
    callback.on_epoch_begin(epoch)
    return callback


def run(callback, clock, steps, seconds, start=0):
    for step in range(start, start + steps):
        clock.now += seconds
        callback.on_train_batch_end(step, LOGS)


def test_the_time_left_counts_all_epochs_but_not_the_first_step(clock):
    callback = begin(Progress())
    assert callback.seconds_left() is None
    run(callback, clock, 1, 60)
    assert callback.seconds_left() is None
    run(callback, clock, 4, 2, start=1)
    assert callback.seconds_left() == pytest.approx((30 - 5) * 2)


def test_the_time_of_validation_counts(clock):
    callback = begin(Progress())
    run(callback, clock, 10, 1)
    clock.now += 9
    callback.on_epoch_end(0, LOGS)
    assert callback.seconds_left() == pytest.approx(20 * (9 + 9) / 9)


def test_unknown_steps_are_known_after_an_epoch(clock):
    callback = begin(Progress(), steps=None)
    run(callback, clock, 10, 1)
    assert callback.seconds_left() is None
    callback.on_epoch_end(0, LOGS)
    assert callback.seconds_left() == pytest.approx(20)


def test_several_steps_an_execution_are_counted(clock):
    callback = begin(Progress())
    for batch in (4, 9):
        clock.now += 5
        callback.on_train_batch_end(batch, LOGS)
    assert callback.seconds_left() == pytest.approx(20)


def test_a_resumed_training_counts_only_what_is_left(clock):
    callback = begin(Progress(), epochs=5, epoch=3)
    run(callback, clock, 5, 1)
    assert callback.seconds_left() == pytest.approx(15)


def test_a_training_in_parts_is_one_training(clock, capsys):
    callback = Progress(epochs=3)
    for epoch in (0, 1):
        begin(callback, epochs=epoch + 1, epoch=epoch)
        run(callback, clock, 10, 1)
        callback.on_epoch_end(epoch, LOGS)
    assert callback.seconds_left() == pytest.approx(10)
    assert "epoch 2/3" in capsys.readouterr().out


def test_another_training_starts_anew(clock):
    callback = begin(Progress(), epochs=1)
    run(callback, clock, 10, 100)
    callback.on_epoch_end(0, LOGS)
    begin(callback, epochs=2)
    run(callback, clock, 5, 1)
    assert callback.seconds_left() == pytest.approx(15)


def test_a_file_gets_a_line_an_epoch_and_few_between(clock, capsys):
    callback = begin(Progress("student", seconds=30), steps=100, epochs=2)
    run(callback, clock, 100, 1)
    callback.on_epoch_end(0, {**LOGS, "val_accuracy": 0.75})
    text = capsys.readouterr().out
    metrics = "loss 3, label 0.5, mimic 2, align 0.69"
    assert text.splitlines() == [
        f"student: epoch 1/2, step 30 of 100: {metrics}; about 2 min 50 s left",
        f"student: epoch 1/2, step 60 of 100: {metrics}; about 2 min 20 s left",
        f"student: epoch 1/2, step 90 of 100: {metrics}; about 1 min 50 s left",
        f"student: epoch 1/2: {metrics}, val_accuracy 0.75; "
        "took 1 min 40 s; about 1 min 40 s left",
    ]
    assert all(c == "\n" or c.isprintable() for c in text)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_screen(text):
    """What stays on a terminal: lines, without colors and overwritten text."""
    text = re.sub(r"\x1b\[\d*m", "", text)
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.replace("\b", "").split("\r"):
            if part.startswith("\x1b[K"):
                part, shown = part[3:], ""
            shown = part + shown[len(part) :]
        lines.append(shown)
    return lines


def open_terminal(monkeypatch, columns=100):
    """Called in the test: pytest sets stdout again after the fixtures."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))
    # Keras' Progbar draws at most every 0.05 s.
    monkeypatch.setattr(keras.utils.Progbar, "update", unthrottled)
    return sys.stdout


UPDATE = keras.utils.Progbar.update


def unthrottled(bar, *args, **kwargs):
    bar.interval = 0
    return UPDATE(bar, *args, **kwargs)


def test_a_terminal_gets_a_bar_and_then_the_line_of_the_epoch(
    clock, monkeypatch
):
    terminal = open_terminal(monkeypatch)
    callback = begin(Progress("student"))
    run(callback, clock, 4, 1)
    (bar,) = on_screen(terminal.getvalue())
    assert " 4/30" in bar and "━" * module.BAR_WIDTH in bar
    for name in LOGS:
        assert f" - {name}: " in bar
    run(callback, clock, 6, 1, start=4)
    callback.on_epoch_end(0, LOGS)
    assert on_screen(terminal.getvalue()) == [
        "student: epoch 1/3: loss 3, label 0.5, mimic 2, align 0.69; "
        "took 10 s; about 20 s left",
        "",
    ]
    callback.on_epoch_begin(1)
    run(callback, clock, 1, 1)
    assert "11/30" in on_screen(terminal.getvalue())[1]


@pytest.mark.parametrize("columns, shown", [(62, 1), (100, 4), (20, 0)])
def test_a_bar_never_wraps(clock, monkeypatch, columns, shown):
    terminal = open_terminal(monkeypatch, columns)
    callback = begin(Progress())
    run(callback, clock, 4, 1)
    (bar,) = on_screen(terminal.getvalue())
    assert [f" {name}:" in bar for name in LOGS].count(True) == shown
    if shown:
        assert len(bar.rstrip()) <= columns


def test_metrics_are_shown_as_they_are_not_averaged(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    callback = begin(Progress())
    for step, loss in enumerate((4.0, 2.0)):
        clock.now += 1
        callback.on_train_batch_end(step, {"loss": loss})
    assert "loss: 2.0000" in on_screen(terminal.getvalue())[0]


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
        assert line.startswith(f"student: epoch {index + 2}/3: ")
        for name, values in history.items():
            assert f"{name} {values[index]:.4g}" in line
    assert " left" in lines[0] and " left" not in lines[1]
