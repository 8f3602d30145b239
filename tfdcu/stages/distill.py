"""The stages of a run, each fed by its section of the config."""

import keras

from tfdcu.data import evaluation_batches
from tfdcu.data import training_batches
from tfdcu.distill import AlignedDistiller
from tfdcu.models.resize import resized
from tfdcu.report import Progress
from tfdcu.sparsity.sparsify import Sparsify
from tfdcu.stages.reestimate import Reestimate
from tfdcu.stages.targets import view_counts
from tfdcu.training.train import train
from tfdcu.workdir.workdir import save_model


def teacher_if_needed(teacher, targets, config):
    """The teacher where more than its logits is asked: targets hold these."""
    options = config["transfer"]
    follows = options.get("features") is not None
    follows = follows or options.get("head") == "teacher"
    return teacher if follows or targets is None else None


def build_distiller(student, teacher, config, class_shares=None, kept=None):
    """What trains the student; its domain classifier starts from the seed.

    The teacher is `None` where it is not asked. The shares of classes are
    needed where the mimic term is balanced, the teacher's channels that were
    kept where features are followed or the head is the teacher's.
    """
    keras.utils.set_random_seed(config["seed"])
    model = AlignedDistiller(
        student,
        teacher,
        class_shares=class_shares,
        kept=kept,
        **config["transfer"],
    )
    print(f"Aligned after: {', '.join(model.align_layers) or 'no layer'}")
    if model.feature_layers:
        print(f"Features followed after: {', '.join(model.feature_layers)}")
    return model


def run_training(run, name, model, splits, config, targets=None, callbacks=()):
    """A model after the training run `name`, continued where it stopped."""
    student = getattr(model, "student", model)
    callbacks = [
        *callbacks,
        Progress(name),
        keras.callbacks.TensorBoard(run.path / "logs" / name),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: run.keep_time()
        ),
    ]
    folder = run.path / "training" / name
    try:
        history = fit_epochs(model, splits, config, folder, callbacks, targets)
    except FloatingPointError as error:
        kept = run.path / "last_good.keras"
        save_model(student, kept)
        raise FloatingPointError(
            f"{error}. The last good model is kept in {kept}"
        ) from error
    run.write_json(f"training/{name}.json", history)
    return student


def fit_epochs(model, splits, config, folder, callbacks=(), targets=None):
    """The history of a training run, continued where `folder` left it.

    An `AlignedDistiller` gets both pools, and the targets where there are
    some; a plain classifier gets the labeled half of the same batches.
    """
    both = isinstance(model, AlignedDistiller)

    def batches(epochs):
        dataset = training_batches(
            splits.labeled,
            splits.unlabeled,
            epochs=epochs,
            **view_counts(config),
            targets=targets if both else None,
            seed=config["seed"],
            **config["batches"],
        )
        return dataset if both else dataset.map(own_size)

    def own_size(few, pool=None):
        image, label = few
        return resized(image, model.input_shape), label

    validation = splits.validation and evaluation_batches(splits.validation)
    if validation and not both:
        validation = validation.map(lambda *few: own_size(few))
    callbacks = [Reestimate(splits, **config["reestimate"]), *callbacks]
    if config["sparsity"].get("final_sparsity"):
        callbacks = [Sparsify(**config["sparsity"]), *callbacks]
    return train(
        model,
        batches,
        len(batches(range(1))),
        folder,
        validation_data=validation,
        callbacks=callbacks,
        seed=config["seed"],
        **config["training"],
    )
