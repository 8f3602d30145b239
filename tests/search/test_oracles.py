import warnings

import keras_tuner
import pytest

from tfdcu.search import oracles

ORACLES = [
    oracles.RandomSearch,
    oracles.BayesianOptimization,
    oracles.GridSearch,
    oracles.Hyperband,
]


@pytest.fixture(autouse=True)
def quiet():
    # The Gaussian process of a smooth toy function says so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def wait(monkeypatch):
    """A function that lets seconds pass in no time."""
    now = [0.0]
    monkeypatch.setattr(oracles.time, "monotonic", lambda: now[0])
    return lambda seconds: now.append(now.pop() + seconds)


def make(kind, folder, seed=7, max_trials=6):
    oracle = kind(objective=keras_tuner.Objective("score", "max"), seed=seed)
    if kind is oracles.BayesianOptimization:
        oracle.num_initial_points = 4
    if kind is oracles.Hyperband:
        oracle.max_epochs = 4
    oracle.max_trials = max_trials
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "trials")
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.0, 1.0, default=0.25)
    hp.Choice("y", ["a", "b", "c"], default="b")
    oracle.update_space(hp)
    return oracle


def finish(oracle, trial, status="COMPLETED"):
    values = trial.hyperparameters.values
    if status == "COMPLETED":
        score = -((values["x"] - 0.4) ** 2) - 0.1 * (values["y"] != "c")
        oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = status
    oracle.end_trial(trial)


def run(oracle, num=99):
    """The values of the next trials."""
    seen = []
    while len(seen) < num:
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        seen.append(dict(trial.hyperparameters.values))
        finish(oracle, trial)
    return seen


def again(kind, folder):
    """The oracle of another process that goes on in the same folder."""
    oracle = make(kind, folder)
    oracle.reload()
    return oracle


@pytest.mark.parametrize("kind", ORACLES)
def test_the_same_seed_gives_the_same_trials(kind, tmp_path):
    first = run(make(kind, tmp_path / "1"))
    assert len(first) == 6
    assert first == run(make(kind, tmp_path / "2"))
    if kind is not oracles.GridSearch:
        assert first != run(make(kind, tmp_path / "3", seed=8))


@pytest.mark.parametrize("kind", ORACLES)
@pytest.mark.parametrize("num", [1, 5])
def test_a_search_that_stops_goes_on_with_the_same_trials(kind, num, tmp_path):
    whole = run(make(kind, tmp_path / "whole"))
    part = run(make(kind, tmp_path / "part"), num)
    rest = run(again(kind, tmp_path / "part"))
    assert part + rest == whole


@pytest.mark.parametrize("kind", ORACLES)
def test_a_trial_that_was_interrupted_is_run_again(kind, tmp_path):
    whole = run(make(kind, tmp_path / "whole"))
    oracle = make(kind, tmp_path / "part")
    run(oracle, 4)
    lost = oracle.create_trial("tuner0")
    oracle = again(kind, tmp_path / "part")
    trial = oracle.create_trial("tuner0")
    assert trial.trial_id == lost.trial_id
    assert trial.hyperparameters.values == whole[4]
    finish(oracle, trial)
    assert run(oracle) == whole[5:]


@pytest.mark.parametrize("kind", ORACLES)
def test_a_trial_missing_in_the_state_is_drawn_again(kind, tmp_path):
    whole = run(make(kind, tmp_path / "whole"))
    oracle = make(kind, tmp_path / "part")
    run(oracle, 4)
    oracle.save()
    before = (tmp_path / "part/trials/oracle.json").read_bytes()
    oracle.create_trial("tuner0")
    (tmp_path / "part/trials/oracle.json").write_bytes(before)
    assert run(again(kind, tmp_path / "part")) == whole[4:]


@pytest.mark.parametrize("kind", ORACLES[:3])
def test_the_first_trial_is_the_default(kind, tmp_path):
    assert run(make(kind, tmp_path), 1) == [{"x": 0.25, "y": "b"}]


def test_many_failures_in_a_row_do_not_end_a_search(tmp_path):
    oracle = make(oracles.RandomSearch, tmp_path)
    for _ in range(6):
        finish(oracle, oracle.create_trial("tuner0"), "FAILED")
    assert oracle.create_trial("tuner0").status == "STOPPED"


def test_a_bayesian_search_learns_from_failures_and_repeats_nothing(tmp_path):
    """All above 0.3 fails, below it larger is better: it must not insist."""
    oracle = make(oracles.BayesianOptimization, tmp_path)
    oracle.num_initial_points = 2
    seen = []
    for _ in range(6):
        trial = oracle.create_trial("tuner0")
        values = trial.hyperparameters.values
        seen.append(tuple(values.values()))
        if values["x"] <= 0.3:
            oracle.update_trial(trial.trial_id, {"score": values["x"]})
        trial.status = "COMPLETED" if values["x"] <= 0.3 else "FAILED"
        oracle.end_trial(trial)
    assert len(set(seen)) == 6
    failed = [x for x, _ in seen if x > 0.3]
    assert failed
    x, y = oracle._vectorize_trials()
    assert len(x) == len(y) == 6
    # Scores are negated there: the largest is the worst.
    assert sorted(y)[-len(failed) :] == [y.max()] * len(failed)


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    oracle = make(oracles.RandomSearch, tmp_path)
    run(oracle, 2)
    file = tmp_path / "trials/oracle.json"
    before = file.read_text()
    monkeypatch.setattr(oracle, "get_state", lambda: {"a": object()})
    with pytest.raises(TypeError):
        oracle.save()
    assert file.read_text() == before


def test_the_trial_of_a_lost_worker_goes_to_another(tmp_path, wait):
    oracle = make(oracles.RandomSearch, tmp_path, max_trials=2)
    lost = oracle.create_trial("worker0")
    trial = oracle.create_trial("worker1")
    finish(oracle, trial)
    # Nothing is left but what worker0 has: wait for what becomes of it.
    assert oracle.create_trial("worker1").status == "IDLE"
    wait(61)
    taken = oracle.create_trial("worker1")
    assert taken.status == "RUNNING"
    assert taken.trial_id == lost.trial_id
    assert taken.hyperparameters.values == lost.hyperparameters.values
    finish(oracle, taken)
    assert oracle.create_trial("worker1").status == "STOPPED"
    # What keras-tuner's chief waits for before it ends.
    assert not oracle.ongoing_trials and not oracle.tuner_ids


def test_a_worker_that_gives_signs_of_life_keeps_its_trial(tmp_path, wait):
    oracle = make(oracles.RandomSearch, tmp_path, max_trials=1)
    trial = oracle.create_trial("worker0")
    for _ in range(4):
        wait(40)
        oracle.get_trial(trial.trial_id)
        assert oracle.create_trial("worker1").status == "IDLE"


def test_an_idle_worker_that_is_lost_is_forgotten(tmp_path, wait):
    oracle = make(oracles.RandomSearch, tmp_path)
    finish(oracle, oracle.create_trial("worker0"))
    assert oracle.tuner_ids == {"worker0"}
    wait(61)
    oracle.give_up_lost_workers()
    assert not oracle.tuner_ids
