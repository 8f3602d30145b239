"""Laws of statistics computed anew: of which images, and when."""

import numpy as np
import pytest

from tests.support import tiny
from tests.support.runs import run_of
from tests.training.test_train import STEPS
from tests.training.test_train import Kill
from tests.training.test_train import batches as both
from tfdcu.data import prepare
from tfdcu.pruning import reestimate_statistics
from tfdcu.stages import distill
from tfdcu.stages import reestimate
from tfdcu.stages.reestimate import Reestimate
from tfdcu.training.train import train


def fresh():
    return tiny.plain_net(width=8)


def batches(epochs):
    """The labeled half, for a plain classifier."""
    return both(epochs).map(lambda few, pool: few)


def splits(num_labeled=12, num_pool=40):
    few = tiny.images(num_labeled, seed=1), tiny.labels(num_labeled)
    pool = 0.4 * tiny.images(num_pool, seed=2)
    options = {"num_classes": 4, "image_shape": (8, 8, 1)}
    return prepare(few, pool, **options, pool_validation=0)


def first_mean(model, images):
    """Mean of what the first BatchNormalization gets of the images."""
    return np.asarray(model.get_layer("conv1")(images)).mean((0, 1, 2))


def others(model):
    """The weights that are no statistics."""
    return {k: v for k, v in tiny.weights(model).items() if "moving" not in k}


def run(folder, *callbacks, model=None, **options):
    model = model or fresh()
    options = {"epochs": 2, "callbacks": callbacks, **options}
    train(model, batches, STEPS, folder, **options)
    return model


@pytest.mark.parametrize("kind", ["labeled", "pool"])
def test_the_statistics_are_those_of_the_images_and_the_last_weights(
    tmp_path, kind
):
    images = {
        "labeled": tiny.images(12, seed=1),
        "pool": 0.4 * tiny.images(40, seed=2),
    }[kind]
    callback = Reestimate(splits(), images=kind)
    model = run(tmp_path / "anew", callback)
    received = model.get_layer("bn1").moving_mean.numpy()
    np.testing.assert_allclose(
        received, first_mean(model, images), rtol=1e-4, atol=1e-6
    )
    left = run(tmp_path / "left")
    tiny.assert_same_weights(others(left), others(model))
    before = left.get_layer("bn1").moving_mean.numpy()
    assert np.abs(before - received).max() > 1e-3


def test_a_killed_run_and_a_finished_one_end_bit_for_bit_the_same(tmp_path):
    def anew(folder, *callbacks):
        callback = Reestimate(splits(), images="labeled")
        return tiny.weights(run(folder, callback, *callbacks))

    expected = anew(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        anew(tmp_path / "killed", Kill(1, 1))
    for name in ("killed", "unbroken"):
        tiny.assert_same_weights(expected, anew(tmp_path / name))


def test_the_section_reaches_the_student_of_a_run(tmp_path):
    run = run_of(
        tiny.plain_net(seed=7),
        splits(),
        training={"epochs": 1},
        batches={"batch_size": 20},
        reestimate={"images": "labeled"},
    )
    model = distill.build_distiller(run, fresh())
    distill.fit_epochs(run, model, tmp_path)
    received = model.student.get_layer("bn1").moving_mean.numpy()
    expected = first_mean(model.student, tiny.images(12, seed=1))
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("num", "limit", "sizes"),
    [(12, 2048, [12]), (65, 2048, [33, 32]), (65, 40, [40])],
)
def test_no_batch_is_much_smaller_than_the_others(
    num, limit, sizes, monkeypatch
):
    monkeypatch.setattr(reestimate, "LIMIT", limit)
    callback = Reestimate(splits(num_pool=num), images="pool")
    parts = list(callback.batches(tiny.plain_net(size=6)))
    assert [len(part) for part in parts] == sizes
    assert parts[0].shape[1:] == (6, 6, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": "unlabeled"}, "'labeled' or 'pool'.*images='unlabeled'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Reestimate(splits(), **options)


def test_labeled_images_must_be_there():
    pool = prepare(None, tiny.images(5), num_classes=4, image_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="images='labeled', labeled=None"):
        Reestimate(pool, images="labeled")


def test_every_batch_weighs_alike():
    model = fresh()
    parts = [scale * tiny.images(8, seed=scale) for scale in (1, 2, 4, 8)]
    assert reestimate_statistics(model, np.concatenate(parts), size=8) == 4
    expected = np.mean([first_mean(model, part) for part in parts], axis=0)
    received = model.get_layer("bn1").moving_mean
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)
