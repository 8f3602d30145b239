"""How far a long count is, and how long it still takes."""

import sys
import time

import keras

from tfdcu.report import words


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
                line += f"; about {words.duration(left)} left"
            print(line, flush=True)

    def seconds_left(self):
        """Seconds until all are done, or `None` before that is known."""
        if self._first is None or self._first[0] == self.done:
            return None
        done, since = self._first
        pace = (time.monotonic() - since) / (self.done - done)
        return pace * (self.total - self.done)
