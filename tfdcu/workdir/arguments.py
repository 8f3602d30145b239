"""What a number, a switch or a path may be: the one table of all arguments.

A name means the same wherever it stands, so it is checked in one way.
"""

import contextlib
import math
import numbers
import os

import keras

# What can be walked through but is no list.
TEXTS = (str, bytes, dict)


def whole(low, high=None):
    """What to expect, and whether a value is such a whole number."""
    limits = f"at least {low}" if high is None else f"from {low} to {high}"

    def fits(value):
        integral = isinstance(value, numbers.Integral)
        most = math.inf if high is None else high
        return integral and not _is_bool(value) and low <= value <= most

    return f"a whole number, {limits}", fits


def number(low, high=math.inf, *, open_low=False, open_high=False):
    """The same for a finite number."""
    limits = f"{'above' if open_low else 'at least'} {low}"
    if high < math.inf:
        limits += f" and {'below' if open_high else 'at most'} {high}"

    def fits(value):
        real = isinstance(value, numbers.Real) and not _is_bool(value)
        return (
            real
            and math.isfinite(value)
            and (low < value if open_low else low <= value)
            and (value < high if open_high else value <= high)
        )

    return f"a finite number, {limits}", fits


def _are_shares(value):
    _, fits = WEIGHT
    each = value.values() if isinstance(value, dict) else [value]
    return bool(each) and all(map(fits, each))


def _is_bool(value):
    return isinstance(value, bool) or type(value).__name__ == "bool"


def _are_sizes(value, count):
    if not isinstance(value, (tuple, list)) or len(value) != count:
        return False
    return all(map(COUNT[1], value))


def _is_shape(value):
    return isinstance(value, (tuple, list)) and all(map(COUNT[1], value))


def _are_images(value):
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_are_images, value))
    listed = hasattr(value, "__iter__") and not isinstance(value, TEXTS)
    return hasattr(value, "shape") or listed


def _is_range(value):
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        return False
    return -math.inf < low < high < math.inf


def _are_names(value):
    names = value if isinstance(value, (list, tuple)) else [value]
    fits = all(isinstance(name, (str, type)) and name for name in names)
    return bool(names) and fits


def _is_path(value):
    return isinstance(value, (str, os.PathLike)) and bool(os.fspath(value))


MODEL = "a keras.Model", lambda value: isinstance(value, keras.Model)
FUNCTION = "a function", callable
DICT = "a dict", lambda value: hasattr(value, "items")
IMAGES = "images: an array, or a dataset or iterable of batches", _are_images
IMAGE_SHAPE = "(height, width, channels)", lambda value: _are_sizes(value, 3)
INPUT_SHAPE = (
    "(height, width, channels), or the shape of another input",
    lambda value: _is_shape(value) and len(value) > 0,
)
LAYERS = "a name, pattern or layer class, or a list of those", _are_names
LABEL_SHAPE = (
    "a tuple of whole numbers above 0, or a dict of those by output",
    lambda value: (
        all(map(_is_shape, value.values())) and len(value) > 0
        if isinstance(value, dict)
        else _is_shape(value)
    ),
)
PAIR = "two whole numbers above 0", lambda value: _are_sizes(value, 2)
RANGE = "(low, high) with low < high", _is_range
SWITCH = "True or False", _is_bool
TEXT = "a string", lambda value: isinstance(value, (str, os.PathLike))
PATH = "a path that is not empty", _is_path
COUNT = whole(1)
SHARE = number(0, 1, open_low=True)
WEIGHT = number(0)
POSITIVE = number(0, open_low=True)

# Those that may be `None` say so where they are checked.
ARGUMENTS = {
    "align_weight": WEIGHT,
    "baseline": SWITCH,
    "batch_size": COUNT,
    "begin_step": whole(0),
    "clipnorm": POSITIVE,
    "data_dir": TEXT,
    "end_step": whole(0),
    "epochs": COUNT,
    "epochs_share": SHARE,
    "feature_weight": WEIGHT,
    "final_sparsity": number(0, 1, open_high=True),
    "folder": PATH,
    "frequency": COUNT,
    "jit_compile": SWITCH,
    "label_weight": WEIGHT,
    "labeled": SWITCH,
    "labeled_batch_size": COUNT,
    "labeled_views": whole(0),
    "labeled_split": TEXT,
    "labels_per_class": COUNT,
    "latency": WEIGHT,
    "learning_rate": POSITIVE,
    "macs": WEIGHT,
    "match_colors": SWITCH,
    "max_trials": COUNT,
    "max_winners": COUNT,
    "measure": FUNCTION,
    "min_agreement": ("a number, at least 0, or a dict of them", _are_shares),
    "mimic_weight": WEIGHT,
    "mirror": SWITCH,
    "model": MODEL,
    "num_classes": whole(1, 10**7),
    "num_images": whole(1, 10**8),
    "num_threads": COUNT,
    "params": WEIGHT,
    "path": PATH,
    "pool_share": SHARE,
    "pool_validation": WEIGHT,
    "reconstruct": SWITCH,
    "freeze_batchnorm": SWITCH,
    "renew": SWITCH,
    "round_to": COUNT,
    "rounds": COUNT,
    "runs": COUNT,
    "seed": whole(0, 2**30 - 1),
    "shard_size": COUNT,
    "shared": TEXT,
    "scale": WEIGHT,
    "sparse": SWITCH,
    "split": TEXT,
    "temperature": POSITIVE,
    "top_k": COUNT,
    "tradeoff": WEIGHT,
    "test_split": TEXT,
    "unlabeled_split": TEXT,
    "validation_split": TEXT,
    "validation_per_class": whole(0),
    "verbose": whole(0, 2),
    "views": whole(0),
    "warmup": number(0, 1, open_high=True),
    "weight_decay": WEIGHT,
    "width": number(0, 100, open_low=True),
    "workdir": PATH,
}


def check_arguments(optional=(), section="", /, **given):
    """Raises if a value is not what its name in `ARGUMENTS` asks for.

    Args:
        optional: Names that may be `None`.
        section: What the user writes before the names, such as `"training."`.
        **given: The values by name.

    Raises:
        ValueError: The first that does not fit.

    Example:

    >>> check_arguments(("clipnorm",), epochs=epochs, clipnorm=clipnorm)
    """
    for name, value in given.items():
        kind = ARGUMENTS[name]
        check(f"{section}{name}", value, kind, name in optional)


def check(name, value, kind, optional=False):
    """Raises if a value is not of a kind.

    Args:
        name: What the user wrote, such as `"training.epochs"`.
        value: The value.
        kind: A pair as in `ARGUMENTS`, for a name that means something else
            elsewhere.
        optional: Whether the value may be `None`.

    Raises:
        ValueError: If it does not fit.
    """
    expected, fits = kind
    if value is None and optional:
        return
    if fits(value):
        if isinstance(value, (str, os.PathLike)):
            _check_letters(name, os.fspath(value))
        return
    raise ValueError(
        f"Invalid value for `{name}`. Expected: {expected}"
        f"{', or None' if optional else ''}. Received: {name}={value!r}"
    )


@contextlib.contextmanager
def naming(name):
    """Puts an argument's name before an error that does not say it.

    Args:
        name: The argument that is opened in the block.

    Raises:
        ValueError: That of the block.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        _check_letters(name, error.object)
        raise
    except ValueError as error:
        if f"`{name}`" in str(error) or f"{name}=" in str(error):
            raise
        raise ValueError(f"`{name}`: {error}") from error


def _check_letters(name, text):
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"`{name}` has letters that this process cannot write. Expected: "
            "the environment variable PYTHONUTF8=1 or a locale such as "
            "LC_ALL=C.UTF-8, or ASCII letters. Received: "
            f"{name}={ascii(text)} under the encoding {error.encoding}"
        ) from error
