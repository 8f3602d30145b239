"""BatchNorm moving averages that adapt to the length of the run."""

import contextlib

import keras
import tensorflow as tf

from tfdcu.graph.keras_private import all_layers

# The weight of step i in the average grows with i to this power, so the average
# lags behind by about a quarter of the run so far.
_POWER = 3.0
# The initial statistics count as this many steps.
_PRIOR_STEPS = 10.0


def momentum_at(momentum, step):
    """The momentum of a moving average at a training step.

    After n steps, an average with momentum m retains m^n of its initial value:
    55% after 60 steps with Keras' default 0.99, 94% with the 0.999 of
    `keras.applications.MobileNetV2`. Early in training, a lower momentum is
    used instead: polynomial-decay averaging (Shamir and Zhang 2013,
    arXiv:1212.1824, section 4), up to the layer's `momentum`.

    Args:
        momentum: Float in [0, 1), of the layer.
        step: Float tensor or variable, number of completed training steps.

    Returns:
        Float tensor, at most `momentum`.
    """
    step = tf.cast(step, tf.float32) + _PRIOR_STEPS
    return tf.minimum(momentum, step / (step + _POWER + 1.0))


@contextlib.contextmanager
def short_averages(model, step):
    """Context manager: BatchNorm layers use `momentum_at(momentum, step)`.

    Active while Keras traces a training step. The layers' own momentum is
    restored on exit.

    Args:
        model: A `keras.Model`.
        step: Float tensor, number of completed training steps.
    """
    norms = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    originals = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            # The dtype in which Keras computes the average.
            dtype = keras.backend.result_type(norm.compute_dtype, "float32")
            momentum = tf.cast(momentum_at(norm.momentum, step), dtype)
            # Bypasses Keras, which would track the tensor.
            object.__setattr__(norm, "momentum", momentum)
        yield
    finally:
        for norm, momentum in zip(norms, originals):
            object.__setattr__(norm, "momentum", momentum)


def fit_with_short_averages(model, done, *args, **kwargs):
    """`model.fit` with `short_averages`, for a model without its own step.

    Args:
        model: A compiled `keras.Model`.
        done: Int, training steps completed by earlier calls of the run.
        *args, **kwargs: As in `keras.Model.fit`.

    Returns:
        As `keras.Model.fit`.
    """
    with model.distribute_strategy.scope():
        steps = clock_variable("steps")
        steps.assign(float(done))
    train_step = model.train_step

    def step_with_short_averages(data):
        with short_averages(model, steps.value):
            logs = train_step(data)
        steps.assign(steps + 1.0)
        return logs

    model.train_step = step_with_short_averages
    try:
        return model.fit(*args, **kwargs)
    finally:
        del model.train_step


def clock_variable(name):
    """A float32 scalar variable with the same value on every replica."""
    return keras.Variable(
        0.0,
        dtype="float32",
        trainable=False,
        aggregation="only_first_replica",
        name=name,
    )
