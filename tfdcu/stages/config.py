"""What must fit before a run starts, so that nothing fails late."""

import difflib
import inspect

import keras

from tfdcu.data import prepare
from tfdcu.data import training_batches
from tfdcu.distill import AlignedDistiller
from tfdcu.export import FORMATS
from tfdcu.export import check_formats
from tfdcu.export import export_all
from tfdcu.models import copy_of
from tfdcu.models import custom_layers
from tfdcu.pruning import check_channels
from tfdcu.pruning import prune_channels
from tfdcu.sparsity.sparsify import Sparsify
from tfdcu.stages.prune import pruning_schedule
from tfdcu.stages.reestimate import Reestimate
from tfdcu.stages.select import check_chosen
from tfdcu.stages.select import choose_pool
from tfdcu.stages.targets import check_targets
from tfdcu.stages.targets import make_targets
from tfdcu.training.train import check_training
from tfdcu.training.train import train
from tfdcu.workdir.arguments import ARGUMENTS
from tfdcu.workdir.arguments import check_arguments

# Each section of a config, and the function that has its fields as options:
# keyword-only arguments. What the stages pass themselves comes before those.
SECTIONS = {
    "data": prepare,
    "batches": training_batches,
    "select": choose_pool,
    "targets": make_targets,
    "channels": prune_channels,
    "sparsity": Sparsify,
    "transfer": AlignedDistiller,
    "training": train,
    "reestimate": Reestimate,
    "export": export_all,
}

# Fields of earlier versions, and what to write instead.
RENAMED = {
    "channels.repair": "channels.reconstruct",
    "iterative.rounds": "channels.rounds",
    "iterative.epochs": "nothing; the student is trained after the last round",
    "channels.min_channels": "nothing, at least a tenth is kept; or "
    "channels.per_layer, the share of a layer",
    "channels.ratio": "channels.macs, channels.params or channels.latency",
    "channels.scope": "nothing; scores are compared across all layers, and "
    "channels.per_layer sets the share of one",
    "channels.tolerance": "nothing; what is below the budget is taken",
    "data.label_fraction": "data.labels_per_class",
    "data.match_colours": "data.match_colors",
    "export.max_difference": "export.min_agreement, at 0 for any difference",
    "select.layer": "nothing; `tfdcu.select_pool(by=)` takes a function",
    "reestimate.limit": "nothing; at most 2048 images are used",
    "sparsity.block_pooling": "nothing; the mean of a block decides",
    "sparsity.initial_sparsity": "sparsity.schedule, one of TFMOT's objects",
    "targets.shard_size": "nothing; `tfdcu.teacher_targets` takes it",
    "transfer.align_schedule": "nothing; alignment grows as DANN's does",
    "transfer.domain_units": "nothing; the domain classifier has 64",
    "training.steps_per_execution": "nothing; in a loop of your own, "
    "compile(steps_per_execution=)",
    "training.ema": "nothing; in a loop of your own, an optimizer of Keras "
    "with use_ema=True",
}


def check_options(name, section, function):
    """A section as a dict, or the error of the first field that is none.

    Args:
        name: What the user calls the section.
        section: Dict of options, or `None` for all defaults.
        function: The function or class that the options are for.

    Returns:
        The section as a new dict.

    Raises:
        ValueError: If a key is no keyword of the function; of one that was
            renamed or removed, with what to write instead.
    """
    if section is not None and not hasattr(section, "items"):
        raise ValueError(
            f"The section '{name}' is not a dict. Expected: options of "
            f"`{function.__name__}`. Received: {section!r}"
        )
    section = dict(section or {})
    known = option_names(function)
    for key in section:
        if key not in known:
            refuse_renamed(name, section)
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; the nearest is '{near[0]}'" if near else ""
            raise ValueError(
                f"Unknown field in the section '{name}'. Expected: one of "
                f"{known}{hint}. Received: {name}.{key}={section[key]!r}"
            )
    return section


def refuse_renamed(name, section):
    """Raise if a section has a field of an earlier version."""
    for key, value in section.items():
        if f"{name}.{key}" in RENAMED:
            raise ValueError(
                f"The field '{name}.{key}' was renamed or removed. Expected: "
                f"{RENAMED[f'{name}.{key}']}. Received: {name}.{key}={value!r}"
            )


def option_names(function):
    """Names of the keyword-only arguments of a function or class."""
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def check_needs(config, labeled, baseline):
    """Raise if one argument needs another that is not there."""
    if baseline and labeled is None:
        raise ValueError(
            "A baseline is trained on labels alone. Expected: `labeled` "
            "images, or baseline=False. Received: labeled=None, baseline=True"
        )
    if config["sparsity"] and "final_sparsity" not in config["sparsity"]:
        raise ValueError(
            "The section 'sparsity' does not say how sparse. Expected: "
            "sparsity.final_sparsity, 0 for dense weights. Received: "
            f"{config['sparsity']}"
        )


def image_shape_of(teacher, data):
    """The shape of all images: the user's choice, else the teacher's own."""
    shape = data.get("image_shape") or teacher.input_shape[1:]
    if None in shape:
        raise ValueError(
            "The teacher takes images of any size. Expected: "
            "data.image_shape, the (height, width, channels) to work with. "
            f"Received: a teacher with the input shape {teacher.input_shape}"
        )
    return tuple(shape)


def check_layers(model):
    """Raise if a model cannot be read again from the file of a run."""
    known = custom_layers(model)
    for layer in model._flatten_layers(include_self=False):
        if not _holds_a_function(layer):
            continue
        config = keras.saving.serialize_keras_object(layer)
        try:
            keras.saving.deserialize_keras_object(config, known, safe_mode=True)
        except (ValueError, TypeError) as error:
            raise ValueError(
                "The Python code in a layer is not read again from a file. "
                "Expected: a function that is registered with "
                "keras.saving.register_keras_serializable, an operation of "
                "keras.ops or a layer class in its place, which a run can save "
                "and go on with. Received: a function in the "
                f"{type(layer).__name__} layer {layer.name!r}"
            ) from error


def _holds_a_function(layer):
    """Whether it computes by a function that is not of Keras."""
    if isinstance(layer, keras.layers.Lambda):
        return True
    function = getattr(layer, "activation", None)
    own = getattr(function, "__module__", None) or ""
    return inspect.isfunction(function) and not own.startswith("keras.")


def check_values(config, splits, teacher, student=None):
    """Raise what the stages would raise later: names and numbers out of range.

    Args:
        config: Dict from section to dict, as in `compress`.
        splits: `tfdcu.data.Splits`.
        teacher: The teacher.
        student: The student where it is given; a pruned teacher has the
            teacher's layers.

    Raises:
        ValueError: The first that is found.
    """
    for model in (teacher, student or teacher):
        check_layers(model)
    if student is None:
        pruning_schedule(config)
        check_channels(teacher, **config["channels"])
    else:
        # The check of a head puts it there.
        student = copy_of(student)
    few = splits.labeled and splits.labeled.subset([0])
    pool = splits.unlabeled.subset([0])
    training_batches(few, pool, range(1), **config["batches"])
    AlignedDistiller(
        student or teacher,
        teacher,
        # The pool's own are not known yet.
        class_shares=[1.0] * teacher.output_shape[-1],
        **config["transfer"],
    )
    check_chosen(splits, **config["select"])
    if config["sparsity"]:
        Sparsify(**config["sparsity"])
    check_training(**config["training"])
    Reestimate(splits, **config["reestimate"])
    check_targets(config, teacher.output_shape[-1])
    check_formats(
        config["export"].get("formats", FORMATS),
        config["export"].get("sparse", False),
    )


def check_config(given):
    """All sections of a config, or the error of the first misfit.

    Args:
        given: Dict from the name of a section to its dict, or `None`.

    Returns:
        Dict from each name in `SECTIONS` to a new dict.
    """
    for name in set(given) - set(SECTIONS):
        refuse_renamed(name, given[name] or {})
    sections = {
        name: check_options(name, given.get(name), SECTIONS[name])
        for name in SECTIONS
    }
    for name, section in sections.items():
        known = {key: section[key] for key in section if key in ARGUMENTS}
        optional = [
            key
            for key, one in inspect.signature(SECTIONS[name]).parameters.items()
            if one.default is None
        ]
        check_arguments(optional, f"{name}.", **known)
    return sections
