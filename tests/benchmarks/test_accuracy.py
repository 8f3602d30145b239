"""Steps and tables of the ablation, without training."""

import pytest

from benchmarks.accuracy import front
from benchmarks.accuracy import steps
from benchmarks.accuracy.ablation import elsewhere
from benchmarks.accuracy.examples import cifar10
from benchmarks.accuracy.examples import digits_example
from benchmarks.accuracy.page import POOLS
from benchmarks.accuracy.page import learning_curve
from benchmarks.accuracy.page import page
from tfdcu.report import style
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config

EXAMPLES = digits_example("teacher.keras"), cifar10("teacher.keras", "data")
STEPS = [*steps.STEPS, *steps.ABLATIONS, *steps.PLACES]


def test_a_change_merges_sections_and_leaves_the_config():
    config = {"a": {"x": 1, "y": 2}, "b": 3}
    assert steps.changed(config, {"a": {"y": 4}, "b": None}) == {
        "a": {"x": 1, "y": 4},
        "b": None,
    }
    assert config == {"a": {"x": 1, "y": 2}, "b": 3}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_every_step_is_a_config_that_compress_takes(example, step):
    config = example.config(seed=0)
    for change in steps.changes(step):
        config = steps.changed(config, change)
    assert check_config({name: config[name] for name in SECTIONS})


def test_the_table_compares_with_step_5_by_seed():
    row = {"teacher": 0.9, "int8": 0.5, "smaller": 8.0, "faster": 2.0}
    students = {
        "5 everything": (0.80, 0.84, 0.82),
        "no reconstruction": (0.79, 0.81),
        "adam": (0.85,),
    }
    text = page(
        "digits",
        [
            row | {"step": step, "seed": seed, "student": student}
            for step, found in students.items()
            for seed, student in enumerate(found)
        ],
    )
    # -1 and -3: the mean -2, the deviation sqrt(2), the error of two sqrt(1).
    assert "| 80.00 (79.00 to 81.00) | -2.00 ± 1.00 | 10.00 |" in text
    assert "| adam | 1 | 85.00 | +5.00 | 5.00 |" in text
    assert "| 5 everything | 3 | 82.00 (80.00 to 84.00) |  | 8.00 |" in text


@pytest.mark.parametrize("step", ["pool of 250", "pool of 1k", "pool of 2k"])
def test_a_smaller_pool_has_as_many_steps_and_its_images(step):
    example = EXAMPLES[0]
    config = example.config(seed=0)
    config["targets"]["views"] = 3
    (change,) = steps.changes(step)
    num = change["unlabeled"]
    found = elsewhere(example, steps.changed(config, change), seed=0)
    full = 6000 - config["data"]["pool_validation"]
    trained_on = (
        found["unlabeled"].num_images - config["data"]["pool_validation"]
    )
    assert trained_on == num
    for section, field in (("training", "epochs"), ("targets", "views")):
        times = found[section][field] / config[section][field]
        assert times == pytest.approx(full / num, rel=0.1)
    assert (
        config["training"]["epochs"] == example.config(0)["training"]["epochs"]
    )


def test_the_learning_curve_is_drawn_of_three_sizes():
    rows = [
        {"step": name, "seed": 0, "teacher": 0.9, "student": 0.8 + place / 50}
        for place, name in enumerate(POOLS["digits"])
    ]
    assert style.draw(learning_curve, rows[:2], POOLS["digits"]) is None
    drawn = style.draw(learning_curve, rows, POOLS["digits"])
    assert drawn.startswith(b"\x89PNG")


def test_the_front_is_drawn_in_microseconds_and_percent():
    file = {"accuracy": 0.5, "latency_ms": 0.002}
    files = [file | {"format": kind} for kind in front.SERIES]
    files[1]["latency_ms"] = 0.001
    assert front.place("float32", files) == (2.0, 50.0)
    assert front.place("int8", files) == (1.0, 50.0)
    assert style.draw(front.draw, {"1/4": {"teacher": files, "student": files}})
