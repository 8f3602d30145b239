"""Laws of the ablation's steps and of its table; nothing is trained."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import tfdcu
from benchmarks.accuracy import steps
from benchmarks.accuracy.ablation import elsewhere
from benchmarks.accuracy.examples import cifar10
from benchmarks.accuracy.examples import digits_example
from benchmarks.accuracy.page import ORACLE
from benchmarks.accuracy.page import POOLS
from benchmarks.accuracy.page import learning_curve
from benchmarks.accuracy.page import page
from tfdcu.distill.feature_layers import default_feature_layer
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


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_the_last_features_are_the_last_before_the_pooling(example):
    name = {"digits": "digits", "cifar10": "resnet56"}[example.name]
    model = tfdcu.models.build(name, num_classes=10)
    assert example.last_layer == default_feature_layer(model)


def test_the_table_has_means_and_ranges_in_percent():
    row = {"step": "1 labels", "teacher": 0.9, "int8": 0.5, "seconds": 60}
    rows = [
        row | {"seed": 0, "student": 0.7},
        row | {"seed": 1, "student": 0.8},
    ]
    text = page("digits", rows)
    assert "The teacher has 90.00." in text
    assert "| 1 labels | 2 | 75.00 (70.00 to 80.00) |  | 15.00 |" in text
    assert text.endswith("| 1 |  |  |\n")
    assert "smaller" not in text


def test_the_table_compares_with_rung_5_by_seed():
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


def test_the_table_has_the_losses_of_the_seeds_that_have_them():
    row = {"step": "1 labels", "teacher": 0.9, "int8": 0.5, "student": 0.8}
    row |= {"seconds": 60, "seed": 0}
    losses = {"mimic": 0.1, "held_out": 0.2}, {"mimic": 0.2, "held_out": None}
    text = page("digits", [row, *(row | one for one in losses)])
    assert "| 1 | 0.150 | 0.200 |\n" in text


def test_the_page_says_what_the_files_of_rung_5_gain():
    row = {"step": "5 everything", "teacher": 0.9, "int8": 0.5, "student": 0.8}
    row |= {"seconds": 60, "smaller": 8.04}
    rows = [row | {"seed": n, "faster": n} for n in (1, 2, 6)]
    assert "8.0x smaller, 2.0x faster." in page("digits", rows)


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


@pytest.mark.parametrize(
    ("step", "times"), [("far half", 2), ("quarter by nnpu", 4), ("mixup", 1)]
)
def test_a_share_of_the_pool_has_as_many_steps(step, times):
    example = EXAMPLES[1]
    config = example.config(seed=0)
    (change,) = steps.changes(step)
    found = elsewhere(example, steps.changed(config, change), seed=0)
    assert found["unlabeled"] == config["unlabeled"]
    for section, field in (("training", "epochs"), ("targets", "views")):
        assert found[section][field] == times * config[section][field]


def test_the_learning_curve_is_drawn_of_three_sizes():
    rows = [
        {"step": name, "seed": 0, "teacher": 0.9, "student": 0.8 + place / 50}
        for place, name in enumerate(POOLS["digits"])
    ]
    assert style.draw(learning_curve, rows[:2], POOLS["digits"]) is None
    drawn = style.draw(learning_curve, rows, POOLS["digits"])
    assert drawn.startswith(b"\x89PNG")


def test_what_bounds_say_starts_at_the_smallest_pool_and_halves_beyond_oracle():
    pools = {"few": 100, "more": 400, "all": 1600}
    students = {"few": 0.8, "more": 0.84, "all": 0.85, ORACLE: 0.88}
    rows = [
        {"step": name, "seed": 0, "teacher": 0.9, "student": student}
        for name, student in students.items()
    ]
    figures = []

    def new_figure(*size):
        figures.append(Figure(size))
        return figures[-1]

    learning_curve(new_figure, rows, pools)
    lines = {one.get_label(): one for one in figures[0].axes[0].lines}
    sizes, lost = lines["oracle + c / √images"].get_data()
    assert np.interp([100, 1600], sizes, lost) == pytest.approx([10, 4])
    assert lines["oracle"].get_ydata() == pytest.approx([2, 2])
    assert lines["student"].get_ydata() == pytest.approx([10, 6, 5])
