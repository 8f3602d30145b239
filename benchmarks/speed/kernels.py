"""Row 8: TensorFlow's own kernels against oneDNN's, a process each."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio

ROOT = Path(__file__).parents[2]
SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def kernels(setting):
    """Row 8: a bare training step and a bare teacher forward, both ways."""
    task = {
        "teacher": str(Path(setting.teacher).resolve()),
        "student": str(Path(setting.student).resolve()),
        "batch_size": 2 * setting.batch_size,
    }
    forwards = {"0": [], "1": []}

    def measured(switch):
        def seconds(steps):
            found = in_process({**task, "steps": steps}, switch)
            forwards[switch].append(found["forward"])
            return found["step"]

        return seconds

    names = {"0": "off", "1": "on"}
    variants = {f"step, {names[s]}": measured(s) for s in names}
    seconds = in_turns(variants, setting.turns, setting.steps)
    for switch, each in forwards.items():
        # The first one was the warm-up.
        seconds[f"teacher forward, {names[switch]}"] = each[1:]
    return {
        "title": "oneDNN's kernels on and off",
        "seconds a step": seconds,
        "images a step": task["batch_size"],
        "ratios": {
            f"{what}, on / off": ratio(
                seconds[f"{what}, off"], seconds[f"{what}, on"]
            )
            for what in ("step", "teacher forward")
        },
        "notes": [
            f"`{SWITCH}`, which `scripts` sets to 1. TensorFlow's own default "
            "is on where the processor has AVX-512 with VNNI or AMX, else off."
        ],
    }


def in_process(task, switch):
    """Seconds of a step and of a teacher's forward in a fresh process."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.kernels", json.dumps(task)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, SWITCH: switch},
    )
    return json.loads(result.stdout.splitlines()[-1])


def work(task):
    """What a process measures: dict of seconds."""
    import tensorflow as tf

    import tfdcu
    from benchmarks.speed.steps import bare_step
    from benchmarks.speed.turns import calling

    student = tfdcu.models.load(task["student"])
    teacher = tfdcu.models.load(task["teacher"])
    images = tf.random.stateless_uniform(
        (task["batch_size"], *student.input_shape[1:]), (0, 0)
    )
    labels = tf.zeros(task["batch_size"], tf.int32)
    measures = {
        "step": calling(bare_step(student), images, labels),
        "forward": calling(tf.function(teacher, autograph=False), images),
    }
    for measure in measures.values():
        measure(1)
    return {name: each(task["steps"]) for name, each in measures.items()}


if __name__ == "__main__":
    print(json.dumps(work(json.loads(sys.argv[1]))))
