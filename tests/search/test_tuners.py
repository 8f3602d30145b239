import json
import types

import pytest

from tests.search.test_search import arguments
from tfdcu.search import search
from tfdcu.search import tuners
from tfdcu.search.hypermodel import StudentHyperModel
from tfdcu.search.trials import Trials


def make(folder, name="RandomSearch", **changes):
    options = arguments(**changes)
    max_trials = options.pop("max_trials")
    del options["tuner"]
    return tuners.make_tuner(
        name,
        StudentHyperModel.of(Trials(**options)),
        max_trials=max_trials,
        max_epochs=4,
        folder=folder / "trials",
        seed=0,
    )


@pytest.mark.parametrize("name", tuners.TUNERS)
def test_every_tuner_of_keras_tuner_goes_by_its_name(name, tmp_path):
    import keras_tuner

    tuner = make(tmp_path, name)
    assert isinstance(
        tuner.oracle, getattr(keras_tuner.oracles, f"{name}Oracle")
    )
    assert [hp.name for hp in tuner.oracle.get_space().space] == [
        "channels.macs",
        "transfer.temperature",
    ]


def finished(self, trial, *args, **kwargs):
    """Stands for a run, and says which trial it was."""
    return [{"score": float(trial.trial_id), "macs": 5}]


def test_failing_trials_are_recorded_and_the_search_goes_on(
    tmp_path, monkeypatch
):
    def failing(self, trial, *args, **kwargs):
        if trial.trial_id == "0":
            raise RuntimeError("the disk is on fire")
        return finished(self, trial)

    monkeypatch.setattr(tuners.Tuner, "run_trial", failing)
    tuner = make(tmp_path, max_trials=2)
    tuner.search()
    first, second = tuners.read_outcomes(tmp_path / "trials")
    assert (first["status"], second["status"]) == ("failed", "finished")
    assert first["reason"] == "RuntimeError: the disk is on fire"
    trial = tuner.oracle.get_trial("0")
    assert (trial.status, trial.message) == ("FAILED", first["reason"])


def test_a_trial_whose_outcome_is_known_is_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr(tuners.Tuner, "run_trial", finished)
    tuner = make(tmp_path, max_trials=2)
    tuner.search()
    monkeypatch.setattr(tuners.Tuner, "run_trial", None)
    for trial in list(tuner.oracle.trials.values()):
        score, trial.status = trial.score, "RUNNING"
        trial.score = None
        tuner._try_run_and_update_trial(trial)
        assert trial.status == "COMPLETED"
        tuner.oracle.score_trial(trial)
        assert trial.score == score


def test_values_that_were_tried_before_are_not_tried_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tuners.Tuner, "run_trial", finished)
    tuner = make(tmp_path, max_trials=1)
    tuner.search()
    trial = tuner.oracle.get_trial("0")
    weights = tmp_path / "trials/trial_0/checkpoint.weights.h5"
    weights.write_text("weights")
    copy = types.SimpleNamespace(
        trial_id="1", hyperparameters=trial.hyperparameters
    )
    outcome = tuner.known_outcome(copy)
    assert outcome["same_as"] == "0"
    assert outcome["metrics"] == {"score": 0.0, "macs": 5}
    tuner.share_weights(copy, outcome)
    shared = tmp_path / "trials/trial_1/checkpoint.weights.h5"
    assert shared.read_text() == "weights"
    copy.hyperparameters.values["tuner/epochs"] = 2
    assert tuner.known_outcome(copy) is None


@pytest.mark.slow
def test_hyperband_trains_the_better_trials_on_from_their_weights(tmp_path):
    options = arguments(tuner="Hyperband", max_trials=8, limits=None)
    options["training"] = {"epochs": 3}
    options["space"] = {"training.learning_rate": (0.001, 0.1, "log")}
    record = search(**options, workdir=tmp_path, max_winners=1)
    later = [o for o in record["trials"] if o["tuner"].get("tuner/trial_id")]
    assert later
    for one in later:
        assert one["status"] == "finished"
        before, after = (
            one["tuner"][f"tuner/{name}"]
            for name in ("initial_epoch", "epochs")
        )
        folder = tmp_path / f"trials/trial_{one['trial']}/training"
        (history,) = folder.glob("epoch-*.json")
        assert history.name == f"epoch-{after:04d}.json"
        # Only the epochs of its own were trained.
        losses = json.loads(history.read_text())["history"]["loss"]
        assert len(losses) == after - before
