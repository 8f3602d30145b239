"""Progress bars for training and loops over images, based on tqdm."""

import sys
import time

import keras
from tqdm import tqdm

TEXT = "{n_fmt}/{total_fmt} {unit}, {remaining} left{postfix}"


class ProgressBar(tqdm):
    """A bar on a terminal; in a log, a line at most every 30 seconds.

    The time left is estimated from the mean speed so far.

    Args:
        name: First part of each line.
        total: Total number of items.
        unit: Name of the items. Defaults to `"images"`.
        leave: Whether the finished bar stays on the terminal.
        **options: Other keywords of `tqdm`.

    Example:

    >>> with ProgressBar("targets", 50_000) as bar:
    ...     bar.update(256)
    """

    def __init__(self, name, total, unit="images", leave=True, **options):
        self.is_live = sys.stdout.isatty()
        seconds = 0.1 if self.is_live else 30
        super().__init__(
            desc=name,
            total=total,
            unit=unit,
            file=sys.stdout,
            bar_format="{l_bar}{bar:10}| " + TEXT,
            dynamic_ncols=self.is_live,
            leave=leave and self.is_live,
            delay=seconds,
            mininterval=seconds,
            miniters=0,
            smoothing=0,
            **options,
        )

    def display(self, msg=None, pos=None):
        if self.is_live:
            return super().display(msg, pos)
        # An empty message clears a bar.
        if msg is None:
            self.print_line()

    def print_line(self):
        """Prints a permanent line, above the bar if there is one."""
        own = {"bar_format": "{desc}: " + TEXT, "ncols": None}
        line = self.format_meter(**{**self.format_dict, **own})
        if self.is_live:
            self.write(line)
        else:
            print(line, flush=True)
        self.last_print_t = time.time()

    def reach(self, done):
        """Moves the bar on to a number of items, such as 1.5 rounds."""
        # Not `update(done - n)`, which would accumulate rounding errors.
        self.n = round(done, 3)
        self.update(0)


class Progress(keras.callbacks.Callback):
    """A bar over all epochs, and a line with all metrics after each epoch.

    Pass `verbose=0` to `fit` with it. The time left includes validation, but
    not the first step, which compiles.

    Args:
        name: First part of each line. Defaults to `"training"`.

    Example:

    >>> model.fit(data, epochs=20, verbose=0, callbacks=[Progress("student")])
    """

    def __init__(self, name="training"):
        super().__init__()
        self.name = name

    def on_train_begin(self, logs=None):
        self.bar = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # Unknown in the first epoch of some datasets.
        if steps := self.params.get("steps"):
            self._update(self.epoch + (batch + 1) / steps, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._update(epoch + 1, logs)
        self.bar.print_line()

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()

    def _update(self, done, logs):
        if self.bar is None:
            self.bar = ProgressBar(
                self.name,
                self.params["epochs"],
                "epochs",
                leave=False,
                initial=round(done, 3),
            )
        metrics = (f"{key} {value:.4g}" for key, value in (logs or {}).items())
        self.bar.set_postfix_str(", ".join(metrics), refresh=False)
        self.bar.reach(done)
