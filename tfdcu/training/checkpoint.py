"""Callbacks for a resumable run: checkpoint, NaN check and random seeds."""

import hashlib
import json
import math
import re
from pathlib import Path

import keras
import numpy as np

from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.full_disk import MemoryFile


class Checkpoint(keras.callbacks.Callback):
    """Save weights, optimizer state and history of the last finished epoch.

    Files are written under a temporary name and renamed, so a checkpoint is
    complete or absent; the previous one is deleted afterwards.
    `keras.callbacks.BackupAndRestore` writes weights and epoch number
    separately, so a kill in between would resume with a wrong pair.

    Args:
        folder: Path, created if missing.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)
        self.history = {}

    def restore(self, model):
        """Load the last checkpoint into a compiled, built model.

        Args:
            model: The model to train.

        Returns:
            The number of finished epochs; 0 without a checkpoint.
        """
        # Before the first save, so that every file contains all variables.
        model.optimizer.build(model.trainable_variables)
        done = self.epochs_on_disk()
        if not done:
            return 0
        content = self.weights_path(done[-1]).read_bytes()
        history = self.read_history(done[-1], content)
        if history is None:
            print(
                f"The checkpoint '{self.weights_path(done[-1])}' was changed "
                "or damaged since it was written; training begins again."
            )
            self.drop(done)
            return 0
        model.load_weights(MemoryFile(".weights.h5", content))
        self.history.update(history)
        # Left over if the run was killed before deleting them.
        self.drop(done[:-1])
        return done[-1]

    def read_history(self, epoch, weights):
        """The history of a checkpoint, `None` if it or the weights changed."""
        try:
            text = self.history_path(epoch).read_text("utf-8")
            record = json.loads(text)
            history = record["history"]
            return history if record == whole(history, weights) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def epochs_on_disk(self):
        """Epochs with weights on disk, in ascending order."""
        names = [path.name for path in self.folder.glob("epoch-*.weights.h5")]
        found = [re.fullmatch(r"epoch-(\d+)\.weights\.h5", n) for n in names]
        return sorted(int(match[1]) for match in found if match)

    def weights_path(self, epoch):
        return self.folder / f"epoch-{epoch:04d}.weights.h5"

    def history_path(self, epoch):
        return self.folder / f"epoch-{epoch:04d}.json"

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        check_finite(self.model, epoch)
        self.save(epoch + 1)

    def save(self, epoch):
        """Write the state after `epoch` epochs and delete earlier ones."""
        before = [n for n in self.epochs_on_disk() if n != epoch]
        # History first: weights on disk mean that the checkpoint is complete.
        paths = self.history_path(epoch), self.weights_path(epoch)
        file = MemoryFile(".weights.h5")
        self.model.save_weights(file)
        with atomic_write(*paths) as (history, weights):
            record = whole(self.history, file.getbuffer())
            history.write_text(json.dumps(record), "utf-8")
            weights.write_bytes(file.getbuffer())
        self.drop(before)

    def drop(self, epochs):
        """Delete the files of these epochs."""
        for number in epochs:
            self.history_path(number).unlink(missing_ok=True)
            self.weights_path(number).unlink()


def whole(history, weights):
    """What is written of a checkpoint: the history and a checksum of both."""
    digest = hashlib.sha256(json.dumps(history).encode())
    digest.update(weights)
    return {"history": history, "sha256": digest.hexdigest()}


class StopOnNaN(keras.callbacks.Callback):
    """Raise at the first step whose loss is not finite."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} at step {batch + 1} of epoch "
                f"{self.epoch + 1}. Expected: a finite number; a lower "
                "learning_rate, or clipnorm, usually helps. "
                f"Received: { {k: float(v) for k, v in logs.items()} }"
            )


def check_finite(model, epoch):
    """Raise if a weight is NaN or infinite."""
    for variable in model.trainable_variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise FloatingPointError(
                f"A weight is not finite after epoch {epoch + 1}. "
                "Expected: finite weights; a lower learning_rate, or "
                f"clipnorm, usually helps. Received: {variable.path}"
            )


class EpochSeeds(keras.callbacks.Callback):
    """Make dropout and other random layers depend only on seed and epoch.

    Keras keeps the state of each random layer in a variable that is not saved
    with the weights and is initialized differently in each process, so a
    resumed run would differ. This callback sets all states at the start of
    every epoch.

    Args:
        seed: Int, at least 0. Defaults to 0.
    """

    def __init__(self, seed=0):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        for index, state in enumerate(random_states(self.model)):
            generator = np.random.default_rng([self.seed, epoch, index])
            state.assign([int(generator.integers(2**31)), 0])


def random_states(model):
    """The state variables of a model's random layers."""
    return [v for v in model.variables if v.name == "seed_generator_state"]
