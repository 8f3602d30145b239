"""A run that can be killed: the state of the last whole epoch, on disk."""

import json
import math
from pathlib import Path

import keras
import numpy as np

from tfdcu.training.averaging import averaged_variables
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.atomic import with_ending


class Checkpoint(keras.callbacks.Callback):
    """Keep weights, optimizer state and history of the last whole epoch.

    Each epoch is one file, written beside and renamed, that holds everything
    or does not exist; the epoch before is removed afterwards. Keras'
    `BackupAndRestore` writes weights and epoch number one after the other, so
    a kill in between resumes with the wrong pair: hence this callback.

    Args:
        folder: Path, created when missing.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)
        self.history = {}

    def restore(self, model):
        """Load the last epoch into a compiled, built model.

        Args:
            model: The model that will be trained.

        Returns:
            The number of epochs that are done, 0 when there is no checkpoint.
        """
        # Built before the first save, so that each file holds all of it.
        model.optimizer.build(trained_variables(model))
        done = self.epochs_on_disk()
        if not done:
            return 0
        model.load_weights(self.weights_path(done[-1]))
        history = json.loads(self.history_path(done[-1]).read_text("utf-8"))
        self.history.update(history)
        # A kill may have come before these were dropped.
        self.drop(done[:-1])
        return done[-1]

    def epochs_on_disk(self):
        """Numbers of the epochs whose weights are there, ascending."""
        names = self.folder.glob("epoch-*.weights.h5")
        return sorted(int(path.name[6:].split(".")[0]) for path in names)

    def weights_path(self, epoch):
        return self.folder / f"epoch-{epoch:04d}.weights.h5"

    def history_path(self, epoch):
        return self.folder / f"epoch-{epoch:04d}.json"

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        refuse_non_finite(self.model, epoch)
        self.save(epoch + 1)

    def save(self, epoch):
        """Write the state after `epoch` epochs; drop the ones before."""
        before = [n for n in self.epochs_on_disk() if n != epoch]
        # The history first: weights on disk mean the epoch is whole.
        paths = self.history_path(epoch), self.weights_path(epoch)
        with atomic_write(*paths) as (history, weights):
            history.write_text(json.dumps(self.history), "utf-8")
            with with_ending(weights, ".weights.h5") as file:
                self.model.save_weights(file, overwrite=True)
        self.drop(before)

    def drop(self, epochs):
        """Delete the files of these epochs."""
        for number in epochs:
            self.history_path(number).unlink(missing_ok=True)
            self.weights_path(number).unlink()


def trained_variables(model):
    """What a compiled model's optimizer keeps a state of."""
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer.use_ema:
        return averaged_variables(model)
    return model.trainable_variables


class StopOnNaN(keras.callbacks.Callback):
    """Stop a run at the step whose loss is not a finite number."""

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


def refuse_non_finite(model, epoch):
    """Raise if a weight is NaN or infinite: such an epoch is not kept."""
    for variable in model.trainable_variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise FloatingPointError(
                f"A weight stopped being finite in epoch {epoch + 1}. "
                "Expected: finite weights; a lower learning_rate, or "
                f"clipnorm, usually helps. Received: {variable.path}"
            )


class EpochSeeds(keras.callbacks.Callback):
    """Give dropout and its like a state that depends on seed and epoch alone.

    Keras counts the draws of each random layer in a variable that weight files
    do not hold, and begins with a number that is drawn anew in each process.
    A run that is killed would go on with other draws; here every epoch sets
    the states to what an unbroken run has there.

    Args:
        seed: Int, at least 0. Another one makes other draws.
    """

    def __init__(self, seed=0):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        for place, state in enumerate(random_states(self.model)):
            generator = np.random.default_rng([self.seed, epoch, place])
            state.assign([int(generator.integers(2**31)), 0])


def random_states(model):
    """The variables in which a model's random layers count their draws."""
    return [v for v in model.variables if v.name == "seed_generator_state"]
