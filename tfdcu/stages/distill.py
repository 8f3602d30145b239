"""The stages that train the student and the baseline."""

import keras

from tfdcu.data import evaluation_batches
from tfdcu.data import images_of
from tfdcu.data import training_batches
from tfdcu.distill import AlignedDistiller
from tfdcu.distill.validation import Validation
from tfdcu.distill.validation import overfit_warning
from tfdcu.distill.validation import training_harmed
from tfdcu.distill.validation import validation_sources
from tfdcu.graph.profile import profile
from tfdcu.graph.resize import resized
from tfdcu.report import Progress
from tfdcu.report.tensorboard import NUM_IMAGES
from tfdcu.report.tensorboard import log_images
from tfdcu.sparsity.sparsify import Sparsify
from tfdcu.stages.targets import view_counts
from tfdcu.training.train import train
from tfdcu.workdir.workdir import save_model


def distill(run):
    """Train the student; keep the untrained one if training makes it worse.

    Args:
        run: A `Run`; `models["student"]` is set and `notes` extended.
    """
    for name in ("teacher", "pruned"):
        cost = profile(run.models[name])
        print(f"{name}: {cost['params']:,} parameters, {cost['macs']:,} macs")

    def make():
        student = trained_student(run)
        return run.models["pruned"] if harm(run) else student

    run.models["student"] = run.cached_model("student", make)
    history = run.workdir.read_json("training/student.json")
    views = run.config["targets"].get("views", 0)
    run.notes += harm(run) or overfit_warning(history, views)


def trained_student(run):
    """Train the student, measured before training and after each epoch."""
    # Training changes the model it is given.
    student = run.cached_model("pruned", lambda: run.models["pruned"])
    model = build_distiller(run, student)
    validation = validation_of(run)
    run.cached_json(
        "training/student_start.json", lambda: validation.measure(model)
    )
    log_samples(run)
    return run_training(run, "student", model, [validation])


def validation_of(run):
    """Measures agreement with the teacher on held-out and labeled images."""
    return Validation(
        validation_sources(run.splits),
        run.teacher,
        run.config["targets"].get("mirror", False),
    )


def log_samples(run):
    """Write some labeled and some pool images for TensorBoard."""
    splits = run.splits
    if splits.unlabeled.value_range is None:
        return
    images = {"pool": images_of(splits.unlabeled, NUM_IMAGES, seed=run.seed)}
    if splits.labeled is not None:
        images["labeled"] = images_of(splits.labeled, NUM_IMAGES, seed=run.seed)
    if images["pool"].shape[-1] in (1, 3):
        folder = run.folder / "logs" / "images"
        log_images(folder, images, splits.unlabeled.value_range)


def harm(run):
    """A list with a sentence if training made the student worse, or empty."""
    if run.config["sparsity"].get("final_sparsity"):
        # Zeros that were asked for may cost accuracy.
        return []
    start = run.workdir.read_json("training/student_start.json")
    history = run.workdir.read_json("training/student.json")
    return training_harmed(start, {name: history[name][-1] for name in start})


def train_baseline(run):
    """Train the same student on the labels alone if `baseline` is set.

    Args:
        run: A `Run`; `models["baseline"]` is set.
    """
    if not run.config["baseline"]:
        return

    def make():
        student = run.cached_model("pruned", lambda: run.models["pruned"])
        return run_training(run, "baseline", student)

    run.models["baseline"] = run.cached_model("baseline", make)


def build_distiller(run, student):
    """The `AlignedDistiller` of a run, initialized from its seed.

    Args:
        run: A `Run`. With stored targets the teacher is left out, unless
            `feature_layers` need it.
        student: A `keras.Model`.

    Returns:
        An `AlignedDistiller`.
    """
    options = run.config["transfer"]
    needed = options.get("feature_layers") or run.targets is None
    is_pruned = run.given_student is None
    keras.utils.set_random_seed(run.seed)
    model = AlignedDistiller(
        student,
        run.teacher if needed else None,
        run.plan["kept"] if is_pruned else None,
        **options,
    )
    # Without labeled images there is nothing to align with.
    aligned = model.align_layers if run.splits.labeled is not None else ()
    print(f"Aligned after: {', '.join(aligned) or 'no layer'}")
    if model.feature_layers:
        print(f"Features matched after: {', '.join(model.feature_layers)}")
    return model


def run_training(run, name, model, callbacks=()):
    """Train a model, or continue a training that was killed.

    Args:
        run: A `Run` with a workdir.
        name: Name of the training and of its history in the workdir.
        model: An `AlignedDistiller` or a plain classifier, trained in place.
        callbacks: More `keras.callbacks`.

    Returns:
        The trained `keras.Model`.

    Raises:
        FloatingPointError: If training diverges; the last good model is then
            in the workdir.
    """
    student = getattr(model, "student", model)
    callbacks = [
        *callbacks,
        Progress(name),
        keras.callbacks.TensorBoard(run.folder / "logs" / name),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: run.workdir.keep_time()
        ),
    ]
    folder = run.folder / "training" / name
    try:
        history = fit_epochs(run, model, folder, callbacks)
    except FloatingPointError as error:
        kept = run.folder / "last_good.keras"
        save_model(student, kept)
        raise FloatingPointError(
            f"{error}. The last good model is kept in {kept}"
        ) from error
    run.workdir.write_json(f"training/{name}.json", history)
    run.workdir.record(f"training/{name}.json")
    return student


def fit_epochs(run, model, folder, callbacks=()):
    """Fit a model, continuing from the checkpoint in `folder`.

    An `AlignedDistiller` gets both sets of images and stored targets, if any;
    a plain classifier gets the labeled half of the same batches.

    Args:
        run: A `Run`.
        model, callbacks: As in `run_training`.
        folder: Folder of the checkpoint.

    Returns:
        Dict from metric to a list of floats.
    """
    config, splits = run.config, run.splits
    both = isinstance(model, AlignedDistiller)

    def batches(epochs):
        dataset = training_batches(
            splits.labeled,
            splits.unlabeled,
            epochs,
            **view_counts(config),
            targets=run.targets if both else None,
            seed=run.seed,
            **config["batches"],
        )
        return dataset if both else dataset.map(own_size)

    def own_size(few, pool=None):
        image, label = few
        return resized(image, model.input_shape), label

    validation = splits.validation
    if validation:
        validation = evaluation_batches(validation, validation.at_once())
    if validation and not both:
        validation = validation.map(lambda *few: own_size(few))
    if config["sparsity"].get("final_sparsity"):
        callbacks = [Sparsify(**config["sparsity"]), *callbacks]
    return train(
        model,
        batches,
        len(batches(range(1))),
        folder,
        validation,
        callbacks,
        run.seed,
        **config["training"],
    )
