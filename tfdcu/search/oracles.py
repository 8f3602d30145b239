"""keras-tuner's oracles, so that nothing is lost: kills, lost workers, resumes.

An oracle hands out trials and keeps their records; in a search on many
machines it lives in the chief. keras-tuner's own oracles write their files in
place, wait for ever for a worker that died, and forget where a grid or the
random points of a Bayesian search had come to. These do not.
"""

import json
import time

import keras_tuner
import numpy as np
import threadpoolctl
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine.stateful import Stateful

from tfdcu.workdir.atomic import atomic_write


class AtomicState(Stateful):
    """State that is on disk whole or not at all."""

    def save(self, fname):
        with atomic_write(fname) as (beside,):
            beside.write_text(json.dumps(self.get_state()), "utf-8")


class ResumableOracle:
    """What every oracle here adds to keras-tuner's.

    Attributes:
        patience: Seconds of silence after which a worker counts as lost and
            its trial is given to another one.
    """

    patience = 60.0

    def __init__(self, **options):
        # A refused trial is no sign of a broken search.
        super().__init__(max_consecutive_failed_trials=None, **options)
        # When a trial's worker, and any worker, was last heard of.
        self.trial_heard = {}
        self.worker_heard = {}

    def _save_trial(self, trial):
        with atomic_write(
            f"{self._get_trial_dir(trial.trial_id)}/trial.json"
        ) as (beside,):
            beside.write_text(json.dumps(trial.get_state()), "utf-8")

    def reload(self):
        super().reload()
        # A trial that was written before the oracle knew of it is drawn anew.
        self.trials = {key: self.trials[key] for key in self.start_order}
        # One that ended just before the kill is over all the same.
        self._retry_queue = [
            key
            for key in self._retry_queue
            if self.trials[key].status not in ("COMPLETED", "FAILED")
        ]

    def get_trial(self, trial_id):
        self.trial_heard[trial_id] = time.monotonic()
        return super().get_trial(trial_id)

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        self.give_up_lost_workers()
        self.worker_heard[tuner_id] = time.monotonic()
        trial = super().create_trial(tuner_id)
        if trial.status == "STOPPED" and self.ongoing_trials:
            # Another worker may yet be lost, and its trial be free again.
            self.tuner_ids.add(tuner_id)
            return Trial(trial.hyperparameters, trial.trial_id, status="IDLE")
        if trial.status == "RUNNING":
            self.trial_heard[trial.trial_id] = time.monotonic()
        return trial

    @keras_tuner.synchronized
    def give_up_lost_workers(self):
        """Take back the trials of workers that have been silent too long."""
        now = time.monotonic()
        for tuner_id, trial in list(self.ongoing_trials.items()):
            heard = self.trial_heard.setdefault(trial.trial_id, now)
            if now - heard > self.patience:
                print(f"{tuner_id} is lost; trial {trial.trial_id} is free.")
                del self.ongoing_trials[tuner_id]
                self.tuner_ids.discard(tuner_id)
                self._retry_queue.append(trial.trial_id)
        for tuner_id in list(self.tuner_ids - set(self.ongoing_trials)):
            heard = self.worker_heard.setdefault(tuner_id, now)
            if now - heard > self.patience:
                self.tuner_ids.discard(tuner_id)


class DefaultFirst:
    """The first trial is the config as it stands, the others vary it."""

    def populate_space(self, trial_id):
        if not self.start_order:
            space = self.get_space()
            values = {hp.name: hp.default for hp in space.space}
            return {"status": "RUNNING", "values": values}
        return super().populate_space(trial_id)


class RandomSearch(
    ResumableOracle,
    DefaultFirst,
    keras_tuner.oracles.RandomSearchOracle,
    AtomicState,
):
    """Random values."""


class BayesianOptimization(
    ResumableOracle,
    DefaultFirst,
    keras_tuner.oracles.BayesianOptimizationOracle,
    AtomicState,
):
    """Values that a Gaussian process expects to score high."""

    def populate_space(self, trial_id):
        # Its matrices are tiny: threads only wait for one another.
        with threadpoolctl.threadpool_limits(1):
            response = super().populate_space(trial_id)
        values = response.get("values")
        if values and self.start_order and self._duplicate(values):
            return self._random_populate_space()
        return response

    def _vectorize_trials(self):
        x, y = super()._vectorize_trials()
        # keras-tuner leaves out what failed, and proposes it again and again.
        failed = [
            [
                hp.value_to_prob(trial.hyperparameters.values[hp.name])
                for hp in self._nonfixed_space()
            ]
            for trial in self.trials.values()
            if trial.status == "FAILED"
        ]
        if not failed:
            return x, y
        worst = np.full(len(failed), y.max())
        return np.concatenate([x, failed]), np.concatenate([y, worst])

    def get_state(self):
        kind, keys, *rest = self._random_state.get_state()
        random_state = [kind, keys.tolist(), *rest]
        return {**super().get_state(), "random_state": random_state}

    def set_state(self, state):
        super().set_state(state)
        self._random_state.set_state(state["random_state"])


class Hyperband(
    ResumableOracle, keras_tuner.oracles.HyperbandOracle, AtomicState
):
    """Many short trials, the better ones trained longer."""


class GridSearch(
    ResumableOracle, keras_tuner.oracles.GridSearchOracle, AtomicState
):
    """Every combination, ten values for a range without steps."""

    def get_state(self):
        return {**super().get_state(), "ordered_ids": self.ordered_ids()}

    def ordered_ids(self):
        """The trials in the order of the grid."""
        ids, following = [], self._ordered_ids._next_index
        index = following[None]
        while index is not None:
            ids.append(self._ordered_ids._memory[index])
            index = following[index]
        return ids

    def set_state(self, state):
        super().set_state(state)
        for trial_id in state["ordered_ids"]:
            self._ordered_ids.insert(trial_id)
        # Those whose next combination was tried are passed over.
        self._populate_next = list(self.start_order)
