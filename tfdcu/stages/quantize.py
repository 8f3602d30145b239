"""The stage in which the student learns what its integers can do."""

import dataclasses

from tfdcu.distill.alignment import inside_of
from tfdcu.distill.alignment import name_inside
from tfdcu.distill.validation import mimic_harmed
from tfdcu.graph.graph import read_graph
from tfdcu.quantization import check_weight_bits
from tfdcu.quantization import quantize_aware
from tfdcu.quantization.bits import bits_by_name
from tfdcu.stages.distill import build_distiller
from tfdcu.stages.distill import fit_epochs
from tfdcu.stages.distill import run_training
from tfdcu.stages.distill import validation_of
from tfdcu.stages.export import images_for_export
from tfdcu.training.train import default_optimizer
from tfdcu.training.train import default_rate
from tfdcu.workdir.arguments import check_arguments

# Shares of the epochs and of the learning rate of the training before it.
EPOCHS, RATE = 0.1, 0.1
# What the stage and the files made of it leave in the workdir.
RESULTS = [
    "report.html",
    "quantized.keras",
    "quantized_start.keras",
    "training/quantized",
    "training/quantized.json",
    "training/quantized_start.json",
    "logs/quantized",
]


def quantize(run):
    """Trains the student once more with fake quantization, if asked to.

    Args:
        run: A `Run`; with `quantization.weight_bits`, `models["quantized"]`
            is set.
    """
    options = run.config["quantization"]
    if options.get("weight_bits") is not None:
        run.models["quantized"] = run.cached_model(
            "quantized", lambda: trained_quantized(run, **options)
        )
        run.notes += harm(run)


def trained_quantized(run, *, weight_bits=None, epochs=None):
    """The student with fake quantization, trained; untrained if that is better.

    Args:
        run: A `Run` with the trained student.
        weight_bits: As in `quantize_aware`. Defaults to `None`: the stage is
            left out.
        epochs: Int, at least 1. Defaults to `None`, see `default_epochs`.

    Returns:
        A model of `quantize_aware`.
    """

    def fresh():
        return run.cached_model(
            "quantized_start", lambda: untrained(run, weight_bits)
        )

    start = fresh()
    own = with_short_training(run, start, epochs)
    model = build_distiller(own, start)
    validation = validation_of(run)
    run.cached_json(
        "training/quantized_start.json", lambda: validation.measure(model)
    )
    trained = run_training(own, "quantized", model, [validation])
    return fresh() if harm(run) else trained


def quantize_trial(run, folder=None):
    """The student of a search's trial with fake quantization, if asked for.

    Args:
        run: A `Run` whose `models["student"]` is the trial's.
        folder: Path of the checkpoint to train it in, or from which a killed
            training goes on. Defaults to `None`: it is not trained.

    Returns:
        A model of `quantize_aware`; without `quantization.weight_bits` the
        student itself.
    """
    options = run.config["quantization"]
    if options.get("weight_bits") is None:
        return run.models["student"]
    start = untrained(run, options["weight_bits"])
    if folder is not None:
        own = with_short_training(run, start, options.get("epochs"))
        fit_epochs(own, build_distiller(own, start), folder)
    return start


def untrained(run, weight_bits):
    """The student with the ranges of the images that calibrate int8."""
    student = run.models["student"]
    sized = run.splits.sized(student.input_shape[1:])
    images, _ = images_for_export(sized)
    return quantize_aware(
        student,
        images=images,
        weight_bits=weight_bits,
        # The default, which counts for nothing where there are no pixels.
        value_range=run.splits.unlabeled.value_range or (0.0, 1.0),
    )


def default_epochs(run):
    """A tenth of the epochs of the training before it, at least 1."""
    return max(1, round(EPOCHS * run.config["training"].get("epochs", 20)))


def with_short_training(run, model, epochs):
    """The run with the training of this stage, which only mimics.

    What the student knows is to survive its integers: the labels and the
    alignment of the training before it would pull it elsewhere.
    """
    training = dict(run.config["training"])
    optimizer = training.get("optimizer") or default_optimizer(model)
    peak = training.get("learning_rate") or default_rate(model, optimizer)
    training |= {
        "epochs": epochs or default_epochs(run),
        "optimizer": optimizer,
        "learning_rate": RATE * peak,
    }
    transfer = dict(run.config["transfer"])
    for key in ("align_layers", "feature_layers"):
        named = transfer.get(key) or ()
        named = [named] if isinstance(named, str) else named
        # A folded BatchNormalization is no more.
        if named and not _has_layers(model, named):
            del transfer[key]
    if transfer.get("mimic_weight", 1.0):
        transfer |= {"label_weight": 0.0, "align_weight": 0.0}
    config = run.config | {
        "training": training,
        "transfer": transfer,
        # Zeros stay.
        "sparsity": {},
    }
    return dataclasses.replace(run, config=config)


def _has_layers(model, named):
    names = {layer.name for layer in inside_of(model).layers}
    return names.issuperset(map(name_inside, named))


def harm(run):
    """A list with a sentence if training made it worse, or empty."""
    start = run.workdir.read_json("training/quantized_start.json")
    history = run.workdir.read_json("training/quantized.json")
    return [
        sentence.replace("the student", "the quantized student")
        for sentence in mimic_harmed(
            start, {name: history[name][-1] for name in start}
        )
    ]


def check_quantization(model, *, weight_bits=None, epochs=None):
    """Raises if a field of `quantization` is out of range.

    Args:
        model: A `keras.Model` with the layers of the student.
        weight_bits, epochs: As in `trained_quantized`.
    """
    if weight_bits is not None:
        check_weight_bits(weight_bits)
    if isinstance(weight_bits, dict):
        bits_by_name(read_graph(model), weight_bits)
    check_arguments(("epochs",), "quantization.", epochs=epochs)
