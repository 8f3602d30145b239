"""One training run: optimizer, schedule, and going on after a kill."""

from functools import partial

import keras

from tfdcu.training.checkpoint import Checkpoint
from tfdcu.training.checkpoint import EpochSeeds
from tfdcu.training.checkpoint import StopOnNaN
from tfdcu.training.loss_scaling import loss_scaled
from tfdcu.training.moving_average import fit_with_short_averages

OPTIMIZERS = {
    "sgd": lambda rate, **options: keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True, **options
    ),
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
}


def train(
    model,
    batches,
    steps,
    folder,
    validation_data=None,
    callbacks=(),
    seed=0,
    *,
    epochs=20,
    optimizer="sgd",
    learning_rate=0.05,
    warmup=0.05,
    weight_decay=1e-4,
    clipnorm=None,
    jit_compile=False,
):
    """Train a model so that a killed run goes on and ends the same.

    The learning rate rises linearly over the first `warmup` of the run and
    falls to 0 along a cosine. After every epoch the whole state is saved in
    `folder`; called again with the same arguments, training continues there,
    and its weights equal those of an unbroken run as long as `batches` is a
    pure function of the epoch and the machine computes alike.

    Args:
        model: A `keras.Model`, uncompiled; an `AlignedDistiller` or a plain
            classifier ending in logits. Trained in place.
        batches: A function `range of epochs -> tf.data.Dataset` of the
            batches of those epochs, one after the other.
        steps: Int, batches in an epoch.
        folder: Path for the checkpoint, created when missing.
        epochs: Int, at least 1. Defaults to 20.
        optimizer: `"sgd"` (Nesterov, momentum 0.9), `"adam"` or `"adamw"`.
            Defaults to `"sgd"`.
        learning_rate: Float, the highest of the run. Defaults to 0.05.
        warmup: Float in [0, 1), share of the run. Defaults to 0.05.
        weight_decay: Float, decoupled, at least 0. Defaults to 1e-4.
        clipnorm: Optional float, largest norm of a variable's gradient.
        jit_compile: As in `keras.Model.compile`. Defaults to `False`, which
            is faster on CPUs.
        seed: Int, for the student's random layers, such as dropout. Defaults
            to 0.
        validation_data: Optional dataset of `(image, label)` batches.
        callbacks: More `keras.callbacks`.

    Returns:
        The history of all epochs, a dict of lists of floats.

    Raises:
        ValueError: If a number is out of range or the optimizer unknown.
        FloatingPointError: If the loss or a weight stops being finite. The
            model then holds the last good epoch, as does `folder`.
    """
    check_training(
        epochs,
        optimizer,
        learning_rate,
        warmup,
        weight_decay,
        clipnorm,
    )
    total = epochs * steps
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        decay_steps=max(1, round(total * (1 - warmup))),
        warmup_target=learning_rate if warmup else None,
        warmup_steps=round(total * warmup),
    )
    # `None` lets Keras skip the decay, but AdamW refuses it.
    no_decay = 0.0 if optimizer == "adamw" else None
    chosen = OPTIMIZERS[optimizer](
        rate,
        weight_decay=weight_decay or no_decay,
        clipnorm=clipnorm,
    )
    model.compile(
        loss_scaled(chosen, model),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
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


def check_training(
    epochs=20,
    optimizer="sgd",
    learning_rate=0.05,
    warmup=0.05,
    weight_decay=1e-4,
    clipnorm=None,
    **others,
):
    """Raise the error of the first keyword of `train` that is out of range."""
    if optimizer not in OPTIMIZERS:
        raise ValueError(
            f"Unknown optimizer. Expected: one of {sorted(OPTIMIZERS)}. "
            f"Received: optimizer={optimizer!r}"
        )
    if epochs < 1 or not learning_rate > 0 or not 0 <= warmup < 1:
        raise ValueError(
            "This is no training run. Expected: epochs >= 1, learning_rate "
            f"> 0 and 0 <= warmup < 1. Received: epochs={epochs}, "
            f"learning_rate={learning_rate}, warmup={warmup}"
        )
    if weight_decay < 0 or (clipnorm is not None and not clipnorm > 0):
        raise ValueError(
            "Gradients cannot be bounded so. Expected: weight_decay >= 0 and "
            "clipnorm > 0, or None. Received: "
            f"weight_decay={weight_decay}, clipnorm={clipnorm}"
        )
