"""keras-tuner's tuners by name, with a record of each trial."""

import contextlib
import json
import os
import shutil
import threading
import time
from pathlib import Path

import keras_tuner

from tfdcu.search import oracles
from tfdcu.search.space import check_names
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.json_file import read_json

# Seconds between two signs of life of a worker.
BEAT = 5.0


class Tuner(keras_tuner.Tuner, oracles.AtomicState):
    """A `keras_tuner.Tuner` that records the outcome of each trial.

    `trial_<id>/outcome.json` holds `status` (`"finished"`, `"refused"` or
    `"failed"`), `reason`, `values`, `metrics` and `seconds`. A trial that
    has an outcome, or whose values were tried before, is not run again; an
    interrupted trial continues from its last epoch.
    """

    def search(self, *args, **kwargs):
        if not is_chief():
            return super().search(*args, **kwargs)
        over = threading.Event()
        watch = threading.Thread(
            target=self.watch_workers, args=(over,), daemon=True
        )
        watch.start()
        try:
            return super().search(*args, **kwargs)
        finally:
            over.set()

    def watch_workers(self, over):
        """In the chief: retry trials of lost workers until the search ends."""
        while not over.wait(BEAT):
            self.oracle.give_up_lost_workers()

    def pre_create_trial(self):
        if self._is_worker():
            # keras-tuner polls without a pause when there is no trial yet.
            time.sleep(0.5)

    def _populate_initial_space(self):
        # keras-tuner would build models to discover the space.
        space = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(space)
        self.oracle.update_space(space)

    def _try_run_and_update_trial(self, trial, *args, **kwargs):
        with self.signs_of_life(trial):
            outcome = self.known_outcome(trial)
            if outcome is None:
                outcome = self.outcome_of(trial, *args, **kwargs)
            self.share_weights(trial, outcome)
            self.write_outcome(trial, outcome)
        if outcome["status"] == "finished":
            self.oracle.update_trial(trial.trial_id, outcome["metrics"])
            trial.status = "COMPLETED"
        else:
            trial.status = "FAILED"
            trial.message = outcome["reason"]
        print(f"Trial {trial.trial_id}: {format_outcome(outcome)}", flush=True)

    def outcome_of(self, trial, *args, **kwargs):
        """Run a trial and return its outcome as a dict."""
        start = time.monotonic()
        outcome = {
            "trial": trial.trial_id,
            "values": self.hypermodel.trials.values(trial.hyperparameters),
            "tuner": tuner_values(trial),
            "metrics": {},
            "reason": None,
        }
        try:
            (metrics,) = self.run_trial(trial, *args, **kwargs)
            outcome |= {"status": "finished", "metrics": metrics}
        except keras_tuner.errors.FatalError:
            raise
        except keras_tuner.errors.FailedTrialError as error:
            outcome |= {"status": "refused", "reason": str(error)}
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            outcome |= {"status": "failed", "reason": reason}
        return {**outcome, "seconds": round(time.monotonic() - start, 3)}

    def run_trial(self, trial, *args, **kwargs):
        folder = Path(self.get_trial_dir(trial.trial_id)) / "training"
        return super().run_trial(trial, *args, folder=folder, **kwargs)

    def known_outcome(self, trial):
        """The outcome of this trial, or of one with the same values."""
        mine = self.outcome_file(trial.trial_id)
        if mine.exists():
            return read_json(mine)
        values = json.loads(
            json.dumps(self.hypermodel.trials.values(trial.hyperparameters))
        )
        for other in read_outcomes(self.project_dir):
            same = other["values"] == values
            if same and other["tuner"] == tuner_values(trial):
                return {
                    **other,
                    "trial": trial.trial_id,
                    "same_as": other.get("same_as", other["trial"]),
                    "seconds": 0.0,
                }
        return None

    def share_weights(self, trial, outcome):
        """Copy the weights of the trial whose outcome is reused."""
        if "same_as" in outcome:
            source = Path(self.get_trial_dir(outcome["same_as"]))
            for file in source.glob("*.weights.h5"):
                beside = self.outcome_file(trial.trial_id).parent / file.name
                shutil.copyfile(file, beside)

    def write_outcome(self, trial, outcome):
        """Write an outcome to the folder of its trial."""
        with atomic_write(self.outcome_file(trial.trial_id)) as (beside,):
            beside.write_text(json.dumps(outcome, indent=2) + "\n", "utf-8")

    def outcome_file(self, trial_id):
        return Path(self.get_trial_dir(trial_id)) / "outcome.json"

    @contextlib.contextmanager
    def signs_of_life(self, trial):
        """In a worker: send the chief signs of life while the block runs."""
        over = threading.Event()

        def beat():
            while not over.wait(BEAT):
                self.oracle.get_trial(trial.trial_id)

        thread = threading.Thread(target=beat, daemon=True)
        if self._is_worker():
            thread.start()
        try:
            yield
        finally:
            over.set()


class HyperbandTuner(Tuner, keras_tuner.Hyperband):
    """`Tuner` with the epochs that Hyperband gives to each trial."""

    def __init__(self, oracle, **options):
        keras_tuner.Tuner.__init__(self, oracle=oracle, **options)


TUNERS = {
    "RandomSearch": (oracles.RandomSearch, Tuner),
    "BayesianOptimization": (oracles.BayesianOptimization, Tuner),
    "Hyperband": (oracles.Hyperband, HyperbandTuner),
    "GridSearch": (oracles.GridSearch, Tuner),
}


def make_tuner(name, hypermodel, *, max_trials, max_epochs, folder, seed):
    """A tuner by keras-tuner's name for it, resumed if its folder exists.

    Args:
        name: A key of `TUNERS`.
        hypermodel: A `StudentHyperModel`.
        max_trials: Int, maximum number of trials.
        max_epochs: Int, epochs of the longest trial, for Hyperband.
        folder: Folder of the keras-tuner project.
        seed: Int.

    Returns:
        A `keras_tuner.Tuner`.

    Raises:
        ValueError: If the name is unknown.
    """
    check_names("tuner", [name], TUNERS)
    make_oracle, make = TUNERS[name]
    options = {
        "Hyperband": {"max_epochs": max_epochs},
        "BayesianOptimization": {"num_initial_points": max(3, max_trials // 3)},
    }.get(name, {})
    oracle = make_oracle(
        objective=keras_tuner.Objective("score", "max"),
        # keras-tuner treats 0 as no seed.
        seed=seed + 1,
        **options,
    )
    oracle.max_trials = max_trials
    oracle.verbose = 0
    folder = Path(folder)
    return make(
        oracle,
        hypermodel=hypermodel,
        directory=str(folder.parent),
        project_name=folder.name,
    )


def tuner_values(trial):
    """Values that the tuner itself adds to a trial, as Hyperband does."""
    values = trial.hyperparameters.values
    return {k: v for k, v in values.items() if k.startswith("tuner/")}


def read_outcomes(folder):
    """The outcomes of all trials in a project folder, in order."""
    found = [
        read_json(file) for file in Path(folder).glob("trial_*/outcome.json")
    ]
    return sorted(found, key=lambda outcome: int(outcome["trial"]))


def format_outcome(outcome):
    """An outcome as one line of text."""
    values = ", ".join(f"{k}={brief(v)}" for k, v in outcome["values"].items())
    if outcome["status"] != "finished":
        return f"{values}: {outcome['reason']}"
    metrics = outcome["metrics"]
    shown = ", ".join(f"{k} {brief(v)}" for k, v in metrics.items())
    return f"{values}: {shown}"


def brief(value):
    """A value with at most four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_chief():
    """Whether this process is the chief, which runs no trials."""
    return is_distributed() and "chief" in os.environ["KERASTUNER_TUNER_ID"]


def is_distributed():
    """Whether keras-tuner's variables for several machines are set."""
    return "KERASTUNER_ORACLE_IP" in os.environ


def worker_name():
    """The name of this process in a search on several machines, else `None`."""
    return os.environ.get("KERASTUNER_TUNER_ID") if is_distributed() else None
