"""StudentHyperModel: prune, train and score a student in each trial."""

import dataclasses
import time
from pathlib import Path

import keras
import keras_tuner

from tfdcu.search.trials import Trials
from tfdcu.stages.distill import build_distiller
from tfdcu.stages.distill import fit_epochs
from tfdcu.stages.prune import prune
from tfdcu.stages.quantize import quantize_trial
from tfdcu.training.checkpoint import Checkpoint
from tfdcu.workdir.temporary import temporary_folder


class StudentHyperModel(keras_tuner.HyperModel):
    """Students of one teacher, for any keras-tuner tuner.

    `tfdcu.search` uses it; use it directly with another tuner.
    `tuner.search()` takes no data: the hypermodel has it. Each trial returns
    `score` (see `tradeoff`), `val_accuracy` or `val_agreement` (see
    `quality`), `macs`, `params`, `train_seconds` and, if `cost` or `limits`
    name them, `bytes` and `latency_ms`; any of these can be the objective of
    the tuner. `tuner.get_best_models()[0].student` is the trained student,
    before `quantization`.

    Args:
        teacher: A `keras.Model` or the path of one.
        labeled: As in `tfdcu.compress`.
        unlabeled: As in `tfdcu.compress`.
        space: The search space, as in `tfdcu.search`:
            `{"channels": {"macs": (0.1, 0.8)}}`.
        **options: As in `tfdcu.search`: `cost`, `quality`, `limits`,
            `pool_share`, `epochs_share`, `tradeoff`, the sections of the config
            and `validation`, `test`, `student`, `seed`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> tuner = keras_tuner.RandomSearch(
    ...     tfdcu.StudentHyperModel(
    ...         "teacher.keras", "digits", "printed",
    ...         space={"channels": {"macs": (0.1, 0.8)}},
    ...     ),
    ...     objective=keras_tuner.Objective("val_agreement", "max"),
    ...     max_trials=5,
    ... )
    >>> tuner.search()
    >>> student = tuner.get_best_models()[0].student
    """

    def __init__(self, teacher, labeled, unlabeled, *, space, **options):
        super().__init__(name="student")
        self.trials = Trials(
            teacher, labeled, unlabeled, space=space, **options
        )

    @classmethod
    def of(cls, trials):
        """The hypermodel of given `Trials`."""
        model = cls.__new__(cls)
        keras_tuner.HyperModel.__init__(model, name="student")
        model.trials = trials
        return model

    def declare_hyperparameters(self, hp):
        """Add the whole space to a `keras_tuner.HyperParameters`."""
        self.trials.values(hp)

    def build(self, hp):
        """Prune a student and wrap it in an `AlignedDistiller`.

        Args:
            hp: A `keras_tuner.HyperParameters`.

        Returns:
            An uncompiled model; `fit` compiles it.
        """
        run = self.trials.run(self.trials.short(self.trials.values(hp)))
        prune(run)
        return build_distiller(run, run.models["pruned"])

    def fit(
        self,
        hp,
        model,
        *,
        folder=None,
        epochs=None,
        initial_epoch=0,
        callbacks=(),
        **kwargs,
    ):
        """Train and score a model from `build`, unless it exceeds a limit.

        Args:
            hp: The same `keras_tuner.HyperParameters`.
            model: The `AlignedDistiller`.
            folder: Folder for a checkpoint, from which a killed trial
                continues. Defaults to `None`, no checkpoint.
            epochs: Last epoch. Defaults to that of the config.
            initial_epoch: Number of epochs the weights were trained for.
            callbacks: `keras.callbacks`.
            **kwargs: `verbose`, which only the tuner reads.

        Returns:
            Dict from metric to float.

        Raises:
            keras_tuner.FailedTrialError: If a limit is exceeded.
            FloatingPointError: If training diverges.
        """
        if set(kwargs) - {"verbose"}:
            raise keras_tuner.errors.FatalValueError(
                "The hypermodel already has its data. Expected: only the "
                "arguments `callbacks`, `epochs` and `verbose`. "
                f"Received: {sorted(kwargs)}"
            )
        trials, objective = self.trials, self.trials.objective
        values = trials.values(hp)
        config = trials.short(values)
        if epochs is not None:
            config["training"] = {**config["training"], "epochs": epochs}
        run = trials.run(config)
        run.models["student"] = model.student
        splits, export = run.splits, config["export"]
        network = objective.arithmetic(model.student)
        before = network | objective.before(quantize_trial(run), splits, export)
        # A sparse file shrinks during training, as weights become zero.
        unknown = ("bytes",) if export.get("sparse") else ()
        refuse("Refused", objective.refusal(before, unknown))
        start = time.monotonic()
        with temporary_folder() as temporary:
            folder = Path(folder or temporary)
            train_from(run, model, folder, initial_epoch, callbacks)
            made = quantize_trial(run, folder / "quantized")
        seconds = time.monotonic() - start
        after = before | objective.after(made, splits, export)
        refuse("Over a limit after training", objective.refusal(after))
        quality = after.pop("quality")
        return {
            "score": objective.score(quality, after[objective.cost], splits),
            f"val_{objective.quality}": quality,
            "train_seconds": seconds,
            **after,
        }


def refuse(what, reason):
    """End a trial without a retry if there is a reason."""
    if reason:
        raise keras_tuner.errors.FailedTrialError(f"{what}: {reason}")


def train_from(run, model, folder, initial_epoch, callbacks):
    """Continue training from a checkpoint, else from the model's weights.

    Args:
        run: The `Run` of a trial.
        model: The `AlignedDistiller`.
        folder: Folder of the checkpoint.
        initial_epoch: Number of epochs the weights were trained for.
        callbacks: More `keras.callbacks`.
    """
    checkpoint = Checkpoint(folder)
    checkpoint.set_model(model)
    done = max([initial_epoch, *checkpoint.epochs_on_disk()])
    if done and not checkpoint.epochs_on_disk():
        checkpoint.save(done)

    def keep_time(logs=None):
        # The learning rate depends on the optimizer's step count, which is not
        # among the weights of the tuner.
        model.optimizer.iterations.assign(done * callback.params["steps"])

    callback = keras.callbacks.LambdaCallback(on_train_begin=keep_time)
    # Trials are scored once, at the end.
    splits = dataclasses.replace(run.splits, validation=None)
    run = dataclasses.replace(run, splits=splits)
    fit_epochs(run, model, folder, [callback, *callbacks])
