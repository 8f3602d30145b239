"""Row 7: the input pipeline alone, against the step that it feeds."""

import time

from benchmarks.speed.steps import aligned
from benchmarks.speed.steps import repeated
from benchmarks.speed.turns import fitting
from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio

VIEWS = {
    "as they are": {"augment": None},
    "flip_crop": {"augment": "flip_crop"},
    "flip_crop, color": {"augment": ("flip_crop", "color")},
}


def pipeline(workload):
    """Row 7: seconds to make a batch, next to those of a training step."""
    # One fixed batch with targets: nothing of the pipeline is in this step.
    step = repeated(workload.batches(workload.targets))
    variants = {
        "a step on a fixed batch": fitting(
            aligned(workload, None), step, workload.warmup
        ),
        "flip_crop, stored targets": reading(
            workload.batches(workload.targets)
        ),
        **{
            name: reading(workload.fresh(**options))
            for name, options in VIEWS.items()
        },
    }
    seconds = in_turns(variants, workload.turns, workload.steps)
    step = seconds["a step on a fixed batch"]
    return {
        "title": "the input pipeline against the step that it feeds",
        "seconds a step": seconds,
        "images a step": 2 * workload.batch_size,
        "ratios": {
            f"{name} / the step": ratio(step, seconds[name], 1.0)
            for name in seconds
            if seconds[name] is not step
        },
        "notes": [
            "Batches made one after the other with both cores, nothing "
            "trained: above 1 the pipeline can keep ahead of the step, and "
            "what it takes from the cores is one over the ratio."
        ],
    }


def reading(batches):
    """A function (steps) -> seconds a batch, decoding and views included."""

    def seconds(steps):
        # Many more than the buffers hold, which the first one begins to fill.
        num = 20 * steps
        iterator = iter(batches.repeat())
        next(iterator)
        start = time.perf_counter()
        for _ in range(num):
            next(iterator)
        return (time.perf_counter() - start) / num

    return seconds
