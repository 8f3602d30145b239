"""Callbacks for a resumable run: checkpoint, NaN check and random seeds."""

import json
import math
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
        model.load_weights(self.weights_path(done[-1]))
        history = json.loads(self.history_path(done[-1]).read_text("utf-8"))
        self.history.update(history)
        # Left over if the run was killed before deleting them.
        self.drop(done[:-1])
        return done[-1]

    def epochs_on_disk(self):
        """Epochs with weights on disk, in ascending order."""
        names = self.folder.glob("epoch-*.weights.h5")
        return sorted(int(path.name[6:].split(".")[0]) for path in names)

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
            history.write_text(json.dumps(self.history), "utf-8")
            weights.write_bytes(file.getbuffer())
        self.drop(before)

    def drop(self, epochs):
        """Delete the files of these epochs."""
        for number in epochs:
            self.history_path(number).unlink(missing_ok=True)
            self.weights_path(number).unlink()


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
