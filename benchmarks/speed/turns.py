"""Measure variants in turns, so that all see the same machine."""

import statistics
import time

import keras


def in_turns(variants, turns, steps):
    """Seconds a step of each variant, measured one after the other.

    Every second turn goes through them backwards, so that a machine that
    grows slower or faster favors none. One step of each is a warm-up.

    Args:
        variants: Dict from name to function (steps) -> seconds a step.
        turns: How often each is measured.
        steps: Steps of one measurement.

    Returns:
        Dict from name to list of seconds a step, one for each turn.
    """
    for measure in variants.values():
        measure(1)
    seconds = {name: [] for name in variants}
    for turn in range(turns):
        names = list(variants)
        for name in names if turn % 2 == 0 else reversed(names):
            seconds[name].append(variants[name](steps))
            print(f"  {turn} {name}: {seconds[name][-1]:.4f} s", flush=True)
    return seconds


def ratio(above, below, wanted=None):
    """The median of paired ratios with its spread, above / below.

    Args:
        above: List of numbers, one for each turn.
        below: List of the same length.
        wanted: The least ratio that is good enough, if there is one.

    Returns:
        Dict of `median`, `lowest`, `highest` and `wanted`.
    """
    each = [a / b for a, b in zip(above, below, strict=True)]
    return {
        "median": statistics.median(each),
        "lowest": min(each),
        "highest": max(each),
        "wanted": wanted,
    }


class Stopwatch(keras.callbacks.Callback):
    """Seconds a step of a `fit`, its first steps left out.

    Args:
        warmup: Steps that do not count: tracing, filling of buffers.
        steps: Steps that count.
    """

    def __init__(self, warmup, steps):
        super().__init__()
        self.first, self.last = warmup - 1, warmup + steps - 1
        self.seconds = None

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.first:
            self.start = time.perf_counter()
        if batch == self.last:
            passed = time.perf_counter() - self.start
            self.seconds = passed / (self.last - self.first)


def fitting(model, batches, warmup):
    """A function (steps) -> seconds a step of `model.fit(batches)`."""
    batches = batches.repeat()

    def measure(steps):
        watch = Stopwatch(warmup, steps)
        model.fit(
            batches,
            steps_per_epoch=warmup + steps,
            callbacks=[watch],
            verbose=0,
        )
        return watch.seconds

    return measure


def calling(function, *arguments):
    """A function (steps) -> seconds a step of a loop of bare calls."""

    def measure(steps):
        start = time.perf_counter()
        for _ in range(steps):
            result = function(*arguments)
        # Waits where calls return before they are done.
        result.numpy()
        return (time.perf_counter() - start) / steps

    return measure
