"""Resumable training: optimizer, learning rate schedule, checkpoints."""

import math
from functools import partial

import keras

from tfdcu.graph.answers import answers_of
from tfdcu.training.checkpoint import Checkpoint
from tfdcu.training.checkpoint import EpochSeeds
from tfdcu.training.checkpoint import StopOnNaN
from tfdcu.training.labels import label_loss
from tfdcu.training.labels import label_metrics
from tfdcu.training.loss_scaling import loss_scaled
from tfdcu.training.moving_average import fit_with_short_averages
from tfdcu.training.moving_average import has_averages
from tfdcu.training.moving_average import norms_of
from tfdcu.workdir.arguments import check_arguments

OPTIMIZERS = {
    "sgd": lambda rate, **options: keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True, **options
    ),
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
}
# Default rate of SGD, and length of a step of Adam at its default rate.
SGD_RATE, STEP_LENGTH = 0.05, 0.25


def train(
    model,
    batches,
    steps,
    folder,
    validation_data=None,
    callbacks=(),
    seed=0,
    jit_compile=False,
    *,
    epochs=20,
    optimizer=None,
    learning_rate=None,
    warmup=0.05,
    weight_decay=1e-4,
    clipnorm=None,
):
    """Train a model; an interrupted run resumes with identical results.

    The learning rate increases linearly over the first `warmup` of the run and
    decays to 0 along a cosine. After every epoch the state is saved in
    `folder`; called again with the same arguments, training resumes from
    there. The weights equal those of an uninterrupted run if `batches` is a
    pure function of the epoch and the hardware is deterministic.

    Args:
        model: A `keras.Model`, uncompiled; an `AlignedDistiller` or a plain
            model ending in logits. Trained in place.
        batches: A function from a range of epochs to a `tf.data.Dataset` of
            the batches of these epochs in order.
        steps: Int, batches per epoch.
        folder: Path of the checkpoint, created if missing.
        epochs: Int, at least 1. Defaults to 20.
        optimizer: `"sgd"` (Nesterov, momentum 0.9), `"adam"` or `"adamw"`.
            Defaults to `None`: see `default_optimizer`.
        learning_rate: Float above 0, the peak value. Defaults to `None`: see
            `default_rate`.
        warmup: Float in [0, 1), fraction of the run. Defaults to 0.05.
        weight_decay: Float, decoupled, at least 0. Defaults to 1e-4.
        clipnorm: Float above 0, maximum norm of each variable's gradient.
            Defaults to `None`: no clipping.
        jit_compile: As in `keras.Model.compile`. Defaults to `False`, which
            is faster on CPUs.
        seed: Int, for the student's random layers, such as dropout. Defaults
            to 0.
        validation_data: Optional dataset of `(image, label)` batches.
        callbacks: Additional `keras.callbacks.Callback` objects.

    Returns:
        The history of all epochs, a dict of lists of floats.

    Raises:
        ValueError: If a number is out of range or the optimizer unknown.
        FloatingPointError: If the loss or a weight becomes NaN or infinite.
            The model is then restored to the last checkpoint.
    """
    check_arguments(jit_compile=jit_compile)
    check_training(
        epochs,
        optimizer,
        learning_rate,
        warmup,
        weight_decay,
        clipnorm,
    )
    optimizer = optimizer or default_optimizer(model)
    if learning_rate is None:
        learning_rate = default_rate(model, optimizer)
    total = epochs * steps
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        decay_steps=max(1, round(total * (1 - warmup))),
        warmup_target=learning_rate if warmup else None,
        warmup_steps=round(total * warmup),
    )
    # `None` makes Keras skip the decay, but AdamW does not accept it.
    no_decay = 0.0 if optimizer == "adamw" else None
    instance = OPTIMIZERS[optimizer](
        rate,
        weight_decay=weight_decay or no_decay,
        clipnorm=clipnorm,
    )
    answers = answers_of(getattr(model, "student", model))
    losses = answers.given_to_keras(lambda one: label_loss(one.kind))
    metrics = answers.given_to_keras(
        lambda one: label_metrics(["accuracy"], one.kind)
    )
    model.compile(
        loss_scaled(instance, model),
        loss=losses,
        metrics=metrics,
        jit_compile=jit_compile,
    )
    checkpoint = Checkpoint(folder)
    checkpoint.set_model(model)
    done = checkpoint.restore(model)
    if not done:
        checkpoint.save(0)
    if done < epochs:
        fit = model.fit
        if type(model).train_step is keras.Model.train_step:
            fit = partial(fit_with_short_averages, model, done * steps)
        try:
            fit(
                batches(range(done, epochs)),
                initial_epoch=done,
                epochs=epochs,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=validation_data,
                callbacks=[
                    EpochSeeds(seed),
                    StopOnNaN(),
                    *callbacks,
                    checkpoint,
                ],
                verbose=0,
            )
        except FloatingPointError:
            checkpoint.restore(model)
            raise
    return checkpoint.history


def default_optimizer(model):
    """`"adam"` for a pruned or trained model, `"sgd"` for a new one.

    Args:
        model: A `keras.Model`; of an `AlignedDistiller` the student counts.

    Returns:
        `"sgd"` if all its BatchNormalization layers are new, else `"adam"`.
    """
    norms = norms_of(getattr(model, "student", model))
    return "adam" if not norms or any(map(has_averages, norms)) else "sgd"


def default_rate(model, optimizer):
    """The learning rate of a model that is given none.

    0.05 for SGD. A step of Adam changes each weight by about the rate, so the
    length of a step is the rate times the square root of their number. One
    rate would be too low for a small pruned network and undo what is left of
    a large one: with this rate a step is 0.25 long in both.

    Args:
        model: A `keras.Model`; of an `AlignedDistiller` the student counts.
        optimizer: A key of `OPTIMIZERS`.

    Returns:
        Float above 0.
    """
    if optimizer == "sgd":
        return SGD_RATE
    weights = getattr(model, "student", model).trainable_variables
    return STEP_LENGTH / sum(math.prod(w.shape) for w in weights) ** 0.5


def check_training(
    epochs=20,
    optimizer=None,
    learning_rate=None,
    warmup=0.05,
    weight_decay=1e-4,
    clipnorm=None,
):
    """Validate the keyword arguments of `train`."""
    check_arguments(
        ("clipnorm", "learning_rate"),
        epochs=epochs,
        learning_rate=learning_rate,
        warmup=warmup,
        weight_decay=weight_decay,
        clipnorm=clipnorm,
    )
    if optimizer is not None and optimizer not in list(OPTIMIZERS):
        raise ValueError(
            "Invalid value for `optimizer`. "
            f"Expected: one of {sorted(OPTIMIZERS)}. "
            f"Received: optimizer={optimizer!r}"
        )
