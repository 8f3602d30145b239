"""The sections of a config, and the checks before a run starts."""

import difflib
import inspect

import keras

from tfdcu.data import prepare
from tfdcu.data import training_batches
from tfdcu.distill import AlignedDistiller
from tfdcu.export import FORMATS
from tfdcu.export import check_clients
from tfdcu.export import check_formats
from tfdcu.export import check_min_agreement
from tfdcu.export import export_all
from tfdcu.graph.answers import answers_of
from tfdcu.graph.clone import check_clone
from tfdcu.graph.keras_private import all_layers
from tfdcu.graph.open_model import open_model
from tfdcu.models import custom_layers
from tfdcu.pruning import check_channels
from tfdcu.pruning import prune_channels
from tfdcu.renamed import refuse_renamed
from tfdcu.sparsity.sparsify import Sparsify
from tfdcu.stages.prune import pruning_schedule
from tfdcu.stages.quantize import check_quantization
from tfdcu.stages.quantize import trained_quantized
from tfdcu.stages.targets import check_targets
from tfdcu.stages.targets import make_targets
from tfdcu.training.train import check_training
from tfdcu.training.train import train
from tfdcu.workdir.arguments import ARGUMENTS
from tfdcu.workdir.arguments import INPUT_SHAPE
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.fingerprint import fingerprint_of

# Each section of a config and the function that takes its fields as
# keyword-only arguments. The stages pass the positional ones.
SECTIONS = {
    "data": prepare,
    "batches": training_batches,
    "targets": make_targets,
    "channels": prune_channels,
    "sparsity": Sparsify,
    "transfer": AlignedDistiller,
    "training": train,
    "quantization": trained_quantized,
    "export": export_all,
}


def check_options(name, section, function):
    """A section as a dict, if all its keys are options of its function.

    Args:
        name: Name of the section.
        section: Dict of options, or `None` for all defaults.
        function: The function or class that takes the options.

    Returns:
        The section as a new dict.

    Raises:
        ValueError: If a key is not an option of the function; if it was
            renamed or removed, the error says what to write instead.
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


def option_names(function):
    """Names of the keyword-only arguments of a function or class."""
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def without_defaults(name, section):
    """The options of a section that are not its function's defaults.

    Args:
        name: Name of the section.
        section: Dict of options.

    Returns:
        A new dict, equal for all ways to write the same options.
    """
    parameters = inspect.signature(SECTIONS[name]).parameters
    if name == "sparsity" and not section.get("final_sparsity"):
        return {}

    def same(value, default):
        if default is inspect.Parameter.empty:
            return value is None
        if isinstance(value, (list, tuple)) and isinstance(default, tuple):
            return tuple(value) == default
        # An array has no truth value, and is never a default.
        return type(value) is type(default) and bool(value == default)

    return {
        key: value
        for key, value in section.items()
        if not same(value, parameters[key].default)
    }


def identity_of(config, leave_out=()):
    """The sections of a config as JSON, equal for equal runs.

    Args:
        config: Dict from section to dict.
        leave_out: Names of sections.

    Returns:
        Dict from the name of a section to its options that are not defaults,
        as of `fingerprint_of`.
    """
    return {
        name: fingerprint_of(without_defaults(name, config[name]))
        for name in SECTIONS
        if name not in leave_out
    }


def check_needs(config, labeled, baseline):
    """Raise if an argument needs another one that is missing."""
    if baseline and labeled is None:
        raise ValueError(
            "The baseline is trained on labels alone. Expected: `labeled` "
            "images, or baseline=False. Received: labeled=None, baseline=True"
        )
    if config["sparsity"] and "final_sparsity" not in config["sparsity"]:
        raise ValueError(
            "The section 'sparsity' does not say how sparse. Expected: "
            "sparsity.final_sparsity, 0 for dense weights. Received: "
            f"{config['sparsity']}"
        )


def image_shape_of(teacher, data):
    """The shape of all images: `data.image_shape`, else the teacher's."""
    shape = data.get("image_shape")
    check("data.image_shape", shape, INPUT_SHAPE, optional=True)
    shape = shape or teacher.input_shape[1:]
    if None in shape:
        raise ValueError(
            "The teacher takes images of any size. Expected: "
            "data.image_shape, the (height, width, channels) to use, or the "
            "shape of another input. "
            f"Received: a teacher with the input shape {teacher.input_shape}"
        )
    return tuple(shape)


def check_layers(model):
    """Raise if a saved model could not be loaded again."""
    known = custom_layers(model)
    for layer in all_layers(model, itself=False):
        if not _holds_a_function(layer):
            continue
        config = keras.saving.serialize_keras_object(layer)
        try:
            keras.saving.deserialize_keras_object(config, known, safe_mode=True)
        except (ValueError, TypeError) as error:
            raise ValueError(
                "A layer holds a Python function that cannot be loaded from a "
                "file, so the run could not be resumed. Expected: a function "
                "registered with keras.saving.register_keras_serializable, an "
                "operation of keras.ops, or a layer class. Received: a "
                "function in the "
                f"{type(layer).__name__} layer {layer.name!r}"
            ) from error


def _holds_a_function(layer):
    """Whether a layer calls a function that is not part of Keras."""
    if isinstance(layer, keras.layers.Lambda):
        return True
    function = getattr(layer, "activation", None)
    own = getattr(function, "__module__", None) or ""
    return inspect.isfunction(function) and not own.startswith("keras.")


def check_values(config, splits, teacher, student=None):
    """Raise the errors that the stages would raise later.

    Args:
        config: Dict from section to dict, as in `compress`.
        splits: `tfdcu.data.Splits`.
        teacher: The teacher.
        student: The given student, or `None` for a pruned teacher, which has
            the teacher's layers.

    Raises:
        ValueError: For the first invalid option.
    """
    for model in (teacher, student or teacher):
        check_layers(model)
    if student is None:
        pruning_schedule(config)
        check_channels(teacher, **config["channels"])
    else:
        for layer in all_layers(student, itself=False):
            check_clone(layer)
    few = splits.labeled and splits.labeled.subset([0])
    pool = splits.unlabeled.subset([0])
    training_batches(few, pool, range(1), **config["batches"])
    # A pruned teacher has its custom layers opened.
    trained = student or open_model(teacher).model
    AlignedDistiller(trained, teacher, **config["transfer"])
    if config["sparsity"]:
        Sparsify(**config["sparsity"]).check(trained)
    check_training(**config["training"])
    check_quantization(trained, **config["quantization"])
    check_targets(config, answers_of(teacher).only)
    options = dict(config["export"])
    options.pop("num_images", None)
    check_min_agreement(options.pop("min_agreement", None))
    check_formats(options.pop("formats", FORMATS), **options)
    bits = config["quantization"].get("weight_bits") or 8
    check_clients(
        options.get("targets", ()),
        (student or teacher).input_shape[1:],
        min(bits.values(), default=8) if isinstance(bits, dict) else bits,
    )


def check_config(given):
    """All sections of a config, with known fields only.

    Args:
        given: Dict from the name of a section to its dict, or `None`.

    Returns:
        Dict from each name in `SECTIONS` to a new dict.

    Raises:
        ValueError: For the first unknown field.
    """
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
