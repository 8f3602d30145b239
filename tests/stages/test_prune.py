"""Laws of the way from the teacher to the student."""

import keras
import numpy as np
import pytest

from tests.support import tiny
from tests.support.runs import run_of
from tfdcu import data
from tfdcu.graph.macs import total_macs
from tfdcu.pruning import score_channels
from tfdcu.report import ProgressBar
from tfdcu.stages.prune import merge_kept
from tfdcu.stages.prune import merge_plans
from tfdcu.stages.prune import prune
from tfdcu.stages.prune import pruning_schedule
from tfdcu.stages.prune import remove_channels
from tfdcu.stages.prune import rows_of
from tfdcu.stages.prune import sample
from tfdcu.stages.prune import start_of
from tfdcu.stages.start import of_one_size


def schedule(**channels):
    return pruning_schedule({"channels": channels})


def test_rounds_are_equal_proportions():
    assert schedule(rounds=1) == [1.0]
    assert schedule() == [0.5, 1.0]
    assert schedule(rounds=4) == [0.25, 0.5, 0.75, 1.0]


def test_one_round_is_the_default_if_scores_cannot_change():
    known = score_channels(tiny.plain_net())
    assert schedule(reconstruct=False) == [1.0]
    assert schedule(importance=known) == [1.0]


def test_invalid_numbers_of_rounds_are_refused():
    message = "Expected: a whole number, at least 1.*rounds=0"
    with pytest.raises(ValueError, match=message):
        schedule(rounds=0)


@pytest.mark.parametrize("num, total", [(4, 12), (6, 8)])
def test_at_most_half_of_the_images_that_judge_are_labeled(
    monkeypatch, num, total
):
    monkeypatch.setattr("tfdcu.stages.prune.NUM_IMAGES", total)
    few = tiny.images(num, seed=1)
    splits = data.prepare(
        labeled=(few, tiny.labels(num)),
        unlabeled=tiny.images(16),
        num_classes=4,
        image_shape=(8, 8, 1),
    )
    found = sample(splits, seed=0)
    assert found.shape == (total, 8, 8, 1)
    own = [any(np.array_equal(i, one) for one in few) for i in found]
    assert own == [True] * 4 + [False] * (total - 4)


def test_views_fill_the_places_of_missing_labeled_images(monkeypatch):
    monkeypatch.setattr("tfdcu.stages.prune.NUM_IMAGES", 16)
    few, pool = tiny.images(3, seed=1), tiny.images(16)
    splits = data.prepare(
        labeled=(few, tiny.labels(3)),
        unlabeled=pool,
        num_classes=4,
        image_shape=(8, 8, 1),
    )
    plain = sample(splits, 0)
    found = sample(splits, 0, "flip_crop")
    np.testing.assert_array_equal(found, sample(splits, 0, "flip_crop"))
    # Each labeled image as it is, five views of them, half of the places.
    np.testing.assert_array_equal(found[:3], plain[:3])
    assert np.isin(found[3:8], few).all()
    assert len(np.unique(found[:8], axis=0)) == 8
    assert np.isin(found[8:], pool).all()
    assert np.isin(plain[3:], pool).all()


@pytest.mark.parametrize("budget", [{"macs": 0.25}, {"params": 0.25}])
def test_two_rounds_meet_the_budget_of_the_teacher(budget):
    teacher = tiny.plain_net(width=32)
    splits = data.prepare(
        labeled=None,
        unlabeled=tiny.images(64),
        num_classes=4,
        image_shape=(8, 8, 1),
    )
    run = run_of(
        teacher,
        splits,
        channels=budget,
        export={"formats": ("float32",)},
    )
    cost = total_macs if "macs" in budget else lambda m: m.count_params()
    start, channels = start_of(run)
    half, first = remove_channels(run, start, channels, teacher, 0.5)
    assert 0.48 <= cost(half) / cost(teacher) <= 0.5
    quarter, second = remove_channels(run, start, channels, half, 1.0)
    assert 0.24 <= cost(quarter) / cost(teacher) <= 0.25
    whole = merge_plans([rows_of(first), rows_of(second)])
    widths = {row["group"]: row for row in whole["groups"]}
    assert widths["conv2"]["before"] == 64
    assert widths["conv2"]["after"] == quarter.get_layer("conv2").filters
    once, twice = first.kept_channels(), second.kept_channels()
    assert {*once, *twice} == set(whole["kept"]) > {"conv2", "bn2", "pool"}
    for name, indices in whole["kept"].items():
        before = once.get(name, range(teacher.get_layer(name).output.shape[-1]))
        after = twice.get(name, range(len(before)))
        np.testing.assert_array_equal(indices, np.array(before)[after])
        assert len(indices) == quarter.get_layer(name).output.shape[-1]


def test_a_bar_goes_through_the_layers_of_all_rounds(monkeypatch):
    places = []
    monkeypatch.setattr(
        ProgressBar, "reach", lambda bar, done: places.append(done)
    )
    splits = data.prepare(
        labeled=None,
        unlabeled=tiny.images(16),
        num_classes=4,
        image_shape=(8, 8, 1),
    )
    channels = {"macs": 0.4, "rounds": 2}
    prune(run_of(tiny.plain_net(), splits, channels=channels))
    # Two convolutions and the last layer, after a fifth for the scores.
    shares = np.array([1, 2, 3]) / 3
    expected = [number + 0.2 + 0.8 * shares for number in (0, 1)]
    np.testing.assert_allclose(places, np.concatenate(expected))


def test_layers_that_the_teacher_froze_are_trainable():
    teacher = tiny.plain_net()
    teacher.get_layer("conv1").trainable = False
    splits = data.prepare(
        labeled=None,
        unlabeled=tiny.images(16),
        num_classes=4,
        image_shape=(8, 8, 1),
    )
    run = run_of(teacher, splits, channels={"macs": 0.5, "rounds": 1})
    prune(run)
    student = run.models["pruned"]
    assert student.get_layer("conv1").trainable
    assert not teacher.get_layer("conv1").trainable


def test_kept_channels_of_all_rounds_are_those_of_the_teacher():
    rounds = [
        {"both": [1, 3, 5, 7], "first": [0, 2]},
        {"both": [0, 3], "second": [4, 5]},
        {"both": [1]},
    ]
    assert merge_kept(rounds[:1]) == rounds[0]
    assert merge_kept(rounds) == {
        "both": [7],
        "first": [0, 2],
        "second": [4, 5],
    }
    assert rounds[0]["both"] == [1, 3, 5, 7] and merge_kept([]) == {}


def test_no_rounds_give_an_empty_record():
    assert merge_plans([]) == {"groups": [], "unprunable": {}, "kept": {}}


def test_a_chosen_size_is_said_in_pixels():
    images = keras.Input((96, 96, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(images)
    x = keras.layers.GlobalAveragePooling2D()(x)
    teacher = keras.Model(images, keras.layers.Dense(2)(x))
    given = {"macs": 0.4, "image_size": "auto"}
    channels, (note,) = of_one_size(teacher, given)
    assert channels == {"macs": 0.4, "image_size": [64, 64]}
    assert "images of 64 x 64 pixels" in note
    # Its own size, and what was given.
    own = {"macs": 0.9, "image_size": None}
    assert of_one_size(teacher, {**given, "macs": 0.9}) == (own, [])
    assert of_one_size(teacher, channels) == (channels, [])
    assert of_one_size(teacher, {"params": 0.5}) == ({"params": 0.5}, [])
