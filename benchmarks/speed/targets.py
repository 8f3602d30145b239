"""Row 5: `teacher_targets` by the size of the pool, and the bare teacher."""

import shutil
import time

import tensorflow as tf

import tfdcu
from benchmarks.speed.turns import calling
from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio

BATCH_SIZE = 256


def store_targets(workload):
    """Row 5: seconds of whole calls, and images/s against a compiled loop."""
    teacher = workload.new_teacher()
    sizes = workload.target_pools
    variants = {num: storing(workload, teacher, num) for num in sizes}
    variants["bare"] = bare(workload, teacher, sizes[-1])
    found = in_turns(variants, workload.turns, workload.steps)
    bare_seconds = found["bare"]
    smallest, largest = found[sizes[0]], found[sizes[-1]]
    more = sizes[-1] - sizes[0]
    added = [(b - a) / more for a, b in zip(smallest, largest)]
    own = [seconds / sizes[-1] for seconds in largest]
    return {
        "title": "seconds of `teacher_targets` by the size of the pool",
        "seconds": {
            **{f"{num} images": found[num] for num in sizes},
            "bare teacher, an image": bare_seconds,
        },
        "ratios": {
            f"images/s of a whole call, {sizes[-1]} images / bare": ratio(
                bare_seconds, own
            ),
            "images/s of each further image / bare": ratio(
                bare_seconds, added, 0.95
            ),
            **linearity(sizes, found, added),
        },
        "notes": [
            "A whole call opens the teacher, compiles it, and takes its "
            "fingerprint; each further image costs the slope from the "
            "smallest pool to the largest. Linear: seconds over those of the "
            "straight line between them.",
        ],
    }


def linearity(sizes, found, added):
    """Seconds of each size between the ends, over the line through them."""
    return {
        f"{num} images / straight line": ratio(
            found[num],
            [
                start + (num - sizes[0]) * each
                for start, each in zip(found[sizes[0]], added)
            ],
        )
        for num in sizes[1:-1]
    }


def storing(workload, teacher, num):
    """A function (steps) -> seconds of storing the targets of `num` images."""
    pool = workload.pool.subset(range(num))
    path = workload.folder / "timed"

    def measure(steps):
        shutil.rmtree(path, ignore_errors=True)
        start = time.perf_counter()
        tfdcu.teacher_targets(teacher, pool, path, batch_size=BATCH_SIZE)
        return time.perf_counter() - start

    return measure


def bare(workload, teacher, num):
    """A function (steps) -> seconds an image of the compiled teacher."""
    size = min(BATCH_SIZE, num)
    images = next(iter(workload.pool.batches(size)))
    loop = calling(tf.function(teacher, autograph=False), images)
    calls = max(1, num // size)

    def measure(steps):
        return loop(calls if steps > 1 else 1) / size

    return measure
