"""keras-tuner's oracles, with safe resuming after kills and lost workers.

An oracle creates trials and keeps their records; in a search on several
machines it runs in the chief. keras-tuner's own oracles can leave half-written
files, wait forever for a dead worker, and lose their place in a grid or in the
random numbers of a Bayesian search.
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
    """State that is written atomically."""

    def save(self, fname):
        with atomic_write(fname) as (beside,):
            beside.write_text(json.dumps(self.get_state()), "utf-8")


class ResumableOracle:
    """Adds resuming and the recovery of lost workers to an oracle.

    Attributes:
        patience: Seconds without a sign of life after which a worker counts as
            lost and its trial is given to another worker.
    """

    patience = 60.0

    def __init__(self, **options):
        # A trial over a limit does not mean that the search is broken.
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
        # A trial that was written before the oracle's state is drawn again.
        self.trials = {key: self.trials[key] for key in self.start_order}
        # A trial that ended just before the kill is not retried.
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
            # Another worker may still be lost and its trial be retried.
            self.tuner_ids.add(tuner_id)
            return Trial(trial.hyperparameters, trial.trial_id, status="IDLE")
        if trial.status == "RUNNING":
            self.trial_heard[trial.trial_id] = time.monotonic()
        return trial

    @keras_tuner.synchronized
    def give_up_lost_workers(self):
        """Retry the trials of workers that were silent for too long."""
        now = time.monotonic()
        for tuner_id, trial in list(self.ongoing_trials.items()):
            heard = self.trial_heard.setdefault(trial.trial_id, now)
            if now - heard > self.patience:
                print(f"{tuner_id} is lost; retrying trial {trial.trial_id}.")
                del self.ongoing_trials[tuner_id]
                self.tuner_ids.discard(tuner_id)
                self._retry_queue.append(trial.trial_id)
        for tuner_id in list(self.tuner_ids - set(self.ongoing_trials)):
            heard = self.worker_heard.setdefault(tuner_id, now)
            if now - heard > self.patience:
                self.tuner_ids.discard(tuner_id)


class DefaultFirst:
    """The first trial has the values of the config."""

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
    """Values that a Gaussian process predicts to score high."""

    def populate_space(self, trial_id):
        # The matrices are tiny, so threads would only slow it down.
        with threadpoolctl.threadpool_limits(1):
            response = super().populate_space(trial_id)
        values = response.get("values")
        if values and self.start_order and self._duplicate(values):
            return self._random_populate_space()
        return response

    def _vectorize_trials(self):
        x, y = super()._vectorize_trials()
        # keras-tuner ignores failed trials and keeps proposing the same values.
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
    """Every combination; ten values for a range without a step."""

    def get_state(self):
        return {**super().get_state(), "ordered_ids": self.ordered_ids()}

    def ordered_ids(self):
        """The ids of the trials in grid order."""
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
        # keras-tuner skips those whose next combination was tried.
        self._populate_next = list(self.start_order)
