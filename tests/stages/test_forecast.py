"""How long a run will take, by hand."""

import pytest

from tests.support import small_run
from tests.support import tiny
from tests.support.runs import run_of
from tfdcu import data
from tfdcu.stages.forecast import forecast
from tfdcu.stages.forecast import num_images
from tfdcu.stages.forecast import sentence
from tfdcu.stages.prune import sample

NET = tiny.plain_net(width=32)


def splits(labeled=True):
    return data.prepare(
        labeled=small_run.few() if labeled else None,
        unlabeled=tiny.images(600),
        num_classes=4,
        image_shape=(8, 8, 1),
        pool_validation=0,
    )


def seconds(labeled=True, each=1.0, **sections):
    run = run_of(NET, splits(labeled), **sections)
    return forecast(run, each)


def test_every_pass_is_counted():
    channels = {"macs": 0.5, "image_size": 6, "rounds": 2}
    found = seconds(channels=channels, training={"epochs": 3})
    # 36 of 64 pixels; 512 images score, all reconstruct.
    passes = 2 * (512 * 3 + (12 + 600) * 11) * 36 / 64
    assert found["pruning"] == pytest.approx(2 * 5 + passes)
    # A labeled image for four of the pool; the student costs twice the teacher.
    assert found["training"] == pytest.approx(10 + 3 * 600 * 1.25 * (1 + 2))
    # The teacher's file and four of the student.
    assert found["files"] == pytest.approx(5 * (3 + 0.5 * 3500))


def test_what_is_left_out_costs_nothing():
    usual = seconds(channels={"macs": 0.5}, training={"epochs": 4})
    plain = {"macs": 0.5, "reconstruct": False}
    assert seconds(channels=plain)["pruning"] == 5 + 512 * 3
    alone = seconds(False, channels={"macs": 0.5}, training={"epochs": 4})
    assert alone["training"] - 10 == pytest.approx(
        (usual["training"] - 10) / 1.25
    )
    stored = seconds(
        channels={"macs": 0.5}, training={"epochs": 4}, targets={"views": 1}
    )
    assert usual["training"] - stored["training"] == 3 * 600 * 1.25
    smaller = {"macs": 0.5, "image_size": 4}
    assert seconds(channels=smaller)["pruning"] == 0
    run = run_of(NET, splits())
    run.given_student = NET
    assert forecast(run, 1.0)["pruning"] == 0


@pytest.mark.parametrize("augment", [None, "flip_crop"])
@pytest.mark.parametrize("labeled", [True, False])
def test_the_images_of_pruning_are_counted(labeled, augment):
    batches = {"augment": augment}
    run = run_of(NET, splits(labeled), batches=batches)
    assert num_images(run) == len(sample(run.splits, 0, augment))


def test_the_teacher_is_timed():
    run = run_of(NET, splits(), channels={"macs": 0.5})
    found = forecast(run)
    assert 10 < found["pruning"] < 60 and 10 < found["training"] < 60


def test_it_is_said_in_minutes():
    assert sentence({"pruning": 20, "training": 30}) == (
        "This will take about a minute."
    )
    assert sentence({"pruning": 200, "training": 400, "files": 20}) == (
        "This will take about 10 minutes: pruning 3, training 7."
    )
    assert sentence({"pruning": 600, "training": 9000}) == (
        "This will take about 2.7 hours; in minutes: pruning 10, training 150."
    )
