import keras_tuner
import numpy as np
import pytest

import tfdcu
from tests.support import tiny
from tfdcu.search import StudentHyperModel
from tfdcu.search import hypermodel as module
from tfdcu.training.checkpoint import Checkpoint


def hypermodel(**changes):
    options = {
        "space": {"channels.macs": [0.5, 0.2]},
        "data": {"pool_validation": 32},
        "batches": {"batch_size": 16},
        "channels": {"round_to": 1},
        "transfer": {"align_weight": 0.0},
        "training": {"epochs": 1},
    }
    return StudentHyperModel(
        changes.pop("teacher", None) or tiny.plain_net(norm=False),
        (tiny.images(8), tiny.labels(8)),
        tiny.images(64, seed=1),
        **{**options, **changes},
    )


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    """A user's own tuner after its search."""
    tuner = keras_tuner.RandomSearch(
        hypermodel(),
        objective=keras_tuner.Objective("val_agreement", "max"),
        max_trials=2,
        seed=1,
        directory=tmp_path_factory.mktemp("own"),
        project_name="tuner",
    )
    tuner.search(verbose=0)
    return tuner


def test_a_user_s_tuner_finds_the_whole_space_and_runs_every_trial(tuner):
    assert [hp.name for hp in tuner.oracle.get_space().space] == [
        "channels.macs"
    ]
    trials = tuner.oracle.trials.values()
    assert {trial.status for trial in trials} == {"COMPLETED"}
    values = [trial.hyperparameters["channels.macs"] for trial in trials]
    assert sorted(values) == [0.2, 0.5]


def test_the_best_hyperparameters_are_of_the_trial_with_the_best_score(tuner):
    best = max(
        tuner.oracle.trials.values(),
        key=lambda trial: trial.metrics.get_best_value("val_agreement"),
    )
    (hp,) = tuner.get_best_hyperparameters()
    assert hp.values == best.hyperparameters.values


def test_the_best_models_are_those_that_were_scored(tuner):
    for trial, model in zip(
        tuner.oracle.get_best_trials(2), tuner.get_best_models(2)
    ):
        trials = tuner.hypermodel.trials
        splits = trials.splits(trials.config)
        score = trials.objective.quality_of(model.student, splits)
        assert score == trial.metrics.get_best_value("val_agreement")
        macs = trial.metrics.get_best_value("macs")
        assert tfdcu.profile(model.student)["macs"] == macs


def test_data_of_the_user_s_own_is_refused():
    with pytest.raises(ValueError, match="already has its data"):
        hypermodel().fit(None, None, x=np.zeros(3))


def test_a_student_over_a_limit_is_not_trained(monkeypatch):
    hyper = hypermodel(limits={"macs": 10})
    monkeypatch.setattr(module, "train_from", None)
    hp = keras_tuner.HyperParameters()
    with pytest.raises(
        keras_tuner.errors.FailedTrialError, match="Refused: macs is"
    ):
        hyper.fit(hp, hyper.build(hp))


def test_training_goes_on_where_the_weights_at_hand_stopped(tmp_path):
    """As Hyperband asks: two epochs, then on to the third."""
    hyper = hypermodel()
    hp = keras_tuner.HyperParameters()
    first = hyper.build(hp)
    hyper.fit(hp, first, epochs=2)
    second = hyper.build(hp)
    second.student.set_weights(first.student.get_weights())
    hyper.fit(
        hp, second, epochs=3, initial_epoch=2, folder=tmp_path / "training"
    )
    steps = int(second.optimizer.iterations)
    # 32 images of the pool in batches of 16.
    assert steps == 3 * 2
    assert Checkpoint(tmp_path / "training").epochs_on_disk() == [3]
    with np.testing.assert_raises(AssertionError):
        tiny.assert_same_weights(
            tiny.weights(first.student), tiny.weights(second.student)
        )


def test_a_given_student_is_another_object_in_every_trial():
    student = tiny.plain_net(width=4, norm=False)
    before = tiny.weights(student)
    hyper = hypermodel(
        student=student, channels=None, space={"training.epochs": [1]}
    )
    hp = keras_tuner.HyperParameters()
    model = hyper.build(hp)
    tiny.assert_same_function(model.student, student, tiny.images(4))
    hyper.fit(hp, model)
    tiny.assert_same_weights(before, tiny.weights(student))


@pytest.mark.parametrize("views", [0, 1])
def test_students_follow_features_channel_by_channel(views):
    hyper = hypermodel(
        transfer={"align_weight": 0.0, "feature_layers": "relu2"},
        targets={"views": views},
    )
    hp = keras_tuner.HyperParameters()
    model = hyper.build(hp)
    assert model.student.get_layer("relu2").output.shape[-1] < 32
    assert model.feature_layers == {"relu2": "relu2"}
    hyper.fit(hp, model)
    assert model.trackers["features"].result() > 0


def test_it_is_found_where_users_look():
    assert tfdcu.StudentHyperModel is StudentHyperModel
    with pytest.raises(AttributeError, match="StudentHyperMode'"):
        tfdcu.StudentHyperMode
