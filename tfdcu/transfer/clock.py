"""The share of a training run that is over, known inside the compiled step."""

import keras
import tensorflow as tf


class Clock:
    """Progress in [0, 1] and steps as variables, so that schedules compile in.

    Each epoch starts at `epoch / epochs`, whatever came before, so a resumed
    run (`fit(initial_epoch=...)`) keeps time. Where the number of steps in an
    epoch is unknown, progress moves once an epoch.
    """

    def __init__(self):
        self.progress = clock_variable("progress")
        self.step = clock_variable("progress_step")
        self.steps = clock_variable("steps")

    def tick(self):
        """Move on by one training step."""
        self.steps.assign(self.steps + 1.0)
        self.progress.assign(tf.minimum(self.progress + self.step, 1.0))

    def callback(self):
        """A callback that sets the clock at the start of each epoch."""

        def on_epoch_begin(epoch, logs=None):
            epochs, steps = callback.params["epochs"], callback.params["steps"]
            self.progress.assign(epoch / epochs)
            if steps or not epoch:
                self.steps.assign(float(epoch * (steps or 0)))
            self.step.assign(1.0 / (epochs * steps) if steps else 0.0)

        callback = keras.callbacks.LambdaCallback(on_epoch_begin=on_epoch_begin)
        return callback


def clock_variable(name):
    """A scalar that every replica holds alike."""
    return keras.Variable(
        0.0,
        dtype="float32",
        trainable=False,
        aggregation="only_first_replica",
        name=name,
    )
