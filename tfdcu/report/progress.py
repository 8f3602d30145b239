"""How far a training is, and how long it still takes."""

import shutil
import sys
import time

import keras

from tfdcu.report import units

BAR_WIDTH = 8
# Beside the bar and the count of steps: " 1:23:45 123ms/step", a margin.
TIMES_WIDTH = 21


class Progress(keras.callbacks.Callback):
    """A bar with the metrics and the time left over all epochs.

    On a terminal a Keras `Progbar` moves through each epoch: steps of the
    whole training, time left until its end, and as many metrics as the window
    is wide for. At the end of an epoch one line with all metrics takes its
    place. Where output is a file or a pipe, that line stands alone; within a
    long epoch a line comes at most every `seconds`; nothing but text is
    written. Metrics are read from the logs, whatever they are called. Pass
    `verbose=0` to `fit` beside it.

    The time left is the mean time of a step so far, validation included and
    the very first step, which compiles, left out, times the steps to come.

    Args:
        name: What is being trained; each line begins with it.
        epochs: Number of epochs of the whole training, where one call of
            `fit` runs only a part of them. Defaults to what `fit` is told.
        seconds: The least time between two lines within an epoch where
            output is no terminal, in seconds. Defaults to 30.

    Example:

    >>> model.fit(data, epochs=20, verbose=0, callbacks=[Progress("student")])
    """

    def __init__(self, name="training", epochs=None, seconds=30):
        super().__init__()
        self.name = name
        self.epochs = epochs
        self.seconds = seconds
        self._num_steps = None
        self._restart()

    def _restart(self):
        self._bar = None
        self._done = 0
        self._epoch = None
        self._first_epoch = None
        self._first_step = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._epoch is not None and epoch <= self._epoch:
            # Another training with the same object, not the next part of one.
            self._restart()
        if self._first_epoch is None:
            self._first_epoch = epoch
        self._epoch = epoch
        self._total = self.epochs or self.params["epochs"]
        self._num_steps = self.params.get("steps") or self._num_steps
        self._step = 0
        self._begin = self._last_line = time.monotonic()
        if not sys.stdout.isatty():
            self._bar = None
        elif self._bar is None:
            # No metric is averaged again: Keras' logs are means already.
            self._bar = keras.utils.Progbar(
                None, width=BAR_WIDTH, stateless_metrics=[]
            )

    def on_train_batch_end(self, batch, logs=None):
        # With steps_per_execution a batch is the last of several.
        self._done += batch + 1 - self._step
        self._step = batch + 1
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = (self._done, now)
        if self._bar is not None:
            self._bar.target = self._all_steps()
            self._bar.update(self._done, self._fitting(logs), finalize=False)
        elif now - self._last_line >= self.seconds:
            self._last_line = now
            of = f" of {self._num_steps}" if self._num_steps else ""
            self._say(f", step {self._step}{of}", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._num_steps = self._step
        if self._bar is not None:
            # Back to the start of the line, and erase it.
            print("\r\x1b[K", end="")
        took = units.duration(time.monotonic() - self._begin)
        self._say("", logs, f"; took {took}")

    def seconds_left(self):
        """Seconds until the last epoch ends, or None before that is known."""
        steps = self._all_steps()
        if steps is None or self._first_step is None:
            return None
        done, since = self._first_step
        if self._done == done:
            return None
        pace = (time.monotonic() - since) / (self._done - done)
        return pace * max(steps - self._done, 0)

    def _all_steps(self):
        if not self._num_steps:
            return None
        return (self._total - self._first_epoch) * self._num_steps

    def _fitting(self, logs):
        """The first metrics, as many as the window has columns for."""
        steps = len(str(self._all_steps() or "Unknown"))
        columns = shutil.get_terminal_size().columns
        room = columns - 2 * steps - 2 - BAR_WIDTH - TIMES_WIDTH
        values = []
        for name, value in (logs or {}).items():
            # As Progbar writes it: small numbers with an exponent.
            number = f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
            room -= len(f" - {name}: {number}")
            if room < 0:
                break
            values.append((name, value))
        return values

    def _say(self, step, logs, took=""):
        metrics = (
            f"{name} {value:.4g}" for name, value in (logs or {}).items()
        )
        line = f"{self.name}: epoch {self._epoch + 1}/{self._total}{step}: "
        line += ", ".join(metrics) + took
        left = self.seconds_left()
        if left:
            line += f"; about {units.duration(left)} left"
        print(line, flush=True)


class Counter:
    """A bar with the time left, or a line now and then.

    On a terminal a Keras `Progbar` moves with every call of `add`. Where
    output is a file or a pipe, a line comes at most every `seconds`, with the
    time left at the mean pace since the first call, the time before which is
    that of getting ready.

    Args:
        name: What is being done; each line begins with it.
        total: How many there are.
        unit: What is counted, in the plural. Defaults to `"images"`.
        seconds: The least time between two lines, in seconds. Defaults to 30.

    Example:

    >>> counter = Counter("targets", 50_000)
    >>> counter.add(256)
    """

    def __init__(self, name, total, unit="images", seconds=30):
        self.name = name
        self.total = total
        self.unit = unit
        self.seconds = seconds
        self.done = 0
        self._first = None
        self._last_line = time.monotonic()
        self._bar = None
        if sys.stdout.isatty():
            self._bar = keras.utils.Progbar(total, unit_name=unit.rstrip("s"))

    def add(self, num):
        """Count `num` more.

        Args:
            num: Integer.
        """
        self.done += num
        now = time.monotonic()
        if self._first is None:
            self._first = self.done, now
        if self._bar is not None:
            self._bar.update(self.done)
        elif now - self._last_line >= self.seconds:
            self._last_line = now
            line = f"{self.name}: {self.done:,} of {self.total:,} {self.unit}"
            left = self.seconds_left()
            if left:
                line += f"; about {units.duration(left)} left"
            print(line, flush=True)

    def seconds_left(self):
        """Seconds until all are done, or `None` before that is known."""
        if self._first is None or self._first[0] == self.done:
            return None
        done, since = self._first
        pace = (time.monotonic() - since) / (self.done - done)
        return pace * (self.total - self.done)
