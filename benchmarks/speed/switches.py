"""Rows 8 and 9: settings of TensorFlow's start, one process each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import tensorflow as tf

import tfdcu
from benchmarks.speed.steps import bare_step
from benchmarks.speed.turns import calling
from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio
from tfdcu.distill import teacher_function
from tfdcu.graph.fused import Forward
from tfdcu.graph.parallel import num_cores
from tfdcu_cli.configs import cifar10_resnet56

ROOT = Path(__file__).parents[2]
KERNELS = "TF_ENABLE_ONEDNN_OPTS"
THREADS = "TF_NUM_INTRAOP_THREADS"


def kernels(workload):
    """Row 8: TensorFlow's own kernels against oneDNN's."""
    return {
        "title": "oneDNN's kernels on and off",
        **switched(
            workload,
            KERNELS,
            {"off": "0", "on": "1"},
            ("step", "teacher forward"),
            2 * workload.batch_size,
        ),
        "notes": [
            f"`{KERNELS}`, which `scripts` sets to 1. TensorFlow's own default "
            "is on where the processor has AVX-512 with VNNI or AMX, else off."
        ],
    }


def threads(workload):
    """Row 9: all cores in each operation against two halves of a batch."""
    half = max(1, num_cores() // 2)
    batches = cifar10_resnet56.get_config().batches
    return {
        "title": "a batch in two halves, side by side",
        **switched(
            workload,
            THREADS,
            {"all cores": None, "half of them": str(half)},
            ("frozen step", "asking the teacher", "fused step"),
            batches.batch_size * 5 // 4,
        ),
        "notes": [
            f"`{THREADS}`. `tfdcu compress` and `tfdcu search` give an "
            "operation half of the cores where BatchNormalization is frozen. "
            "A pass in which no image depends on another then takes two "
            "halves of a batch at once; the fused step, which normalizes a "
            "batch as a whole, does not."
        ],
    }


def switched(workload, variable, values, names, images):
    """Measures under two values of an environment variable.

    Args:
        workload: A `Workload`.
        variable: Name of the variable.
        values: Dict of two, from a value's name to the value, `None` for
            none; the second is expected to be faster.
        names: What `work` measures.
        images: Images of a batch.

    Returns:
        Dict of `seconds a step`, `images a step` and `ratios`.
    """
    task = {
        "teacher": str(Path(workload.teacher).resolve()),
        "student": str(Path(workload.student).resolve()),
        "batch_size": images,
        "names": names,
    }
    found = {key: [] for key in values}

    def measured(key):
        def seconds(steps):
            environment = {**os.environ, variable: values[key]}
            if values[key] is None:
                del environment[variable]
            found[key].append(in_process({**task, "steps": steps}, environment))
            return sum(found[key][-1].values())

        return seconds

    in_turns({k: measured(k) for k in values}, workload.turns, workload.steps)
    # The first one was the warm-up.
    seconds = {
        f"{name}, {key}": [each[name] for each in runs[1:]]
        for name in names
        for key, runs in found.items()
    }
    first, second = values
    return {
        "seconds a step": seconds,
        "images a step": images,
        "ratios": {
            f"{name}, {second} / {first}": ratio(
                seconds[f"{name}, {first}"], seconds[f"{name}, {second}"]
            )
            for name in names
        },
    }


def in_process(task, environment):
    """Seconds of all that a task names, in a fresh process."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.switches", json.dumps(task)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return json.loads(result.stdout.splitlines()[-1])


def work(task):
    """What a process measures: dict of seconds."""
    teacher = tfdcu.models.load(task["teacher"])
    student = tfdcu.models.load(task["student"])
    images = tf.random.stateless_uniform(
        (task["batch_size"], *student.input_shape[1:]), (0, 0)
    )
    labels = tf.zeros(task["batch_size"], tf.int32)
    measures = {
        "step": lambda: calling(bare_step(student), images, labels),
        "fused step": lambda: calling(
            bare_step(student, Forward), images, labels
        ),
        "frozen step": lambda: calling(
            bare_step(student, frozen), images, labels
        ),
        "teacher forward": lambda: calling(
            tf.function(teacher, autograph=False), images
        ),
        "asking the teacher": lambda: calling(
            tf.function(teacher_function(teacher), autograph=False), images
        ),
    }
    found = {}
    for name in task["names"]:
        measure = measures[name]()
        measure(1)
        found[name] = measure(task["steps"])
    return found


def frozen(student):
    """The student as it is trained with frozen BatchNormalization."""
    forward = Forward(student)
    return lambda images, training: forward(images, training=False)


if __name__ == "__main__":
    print(json.dumps(work(json.loads(sys.argv[1]))))
