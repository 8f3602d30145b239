"""What a number, a switch or a path may be: the one table of all arguments.

A name means the same wherever it stands, so it is checked in one way.
"""

import math
import numbers
import os


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


def _is_path(value):
    return isinstance(value, (str, os.PathLike)) and bool(os.fspath(value))


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
    "min_agreement": ("a number, at least 0, or a dict of them", _are_shares),
    "mimic_weight": WEIGHT,
    "mirror": SWITCH,
    "num_classes": COUNT,
    "num_images": COUNT,
    "num_threads": COUNT,
    "params": WEIGHT,
    "path": PATH,
    "pool_share": SHARE,
    "pool_validation": WEIGHT,
    "rate": POSITIVE,
    "reconstruct": SWITCH,
    "freeze_batchnorm": SWITCH,
    "renew": SWITCH,
    "round_to": COUNT,
    "rounds": COUNT,
    "runs": COUNT,
    "seed": whole(0, 2**30 - 1),
    "shard_size": COUNT,
    "shared": TEXT,
    "sparse": SWITCH,
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
    "width": POSITIVE,
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
        expected, fits = ARGUMENTS[name]
        if value is None and name in optional or fits(value):
            continue
        none = ", or None" if name in optional else ""
        raise ValueError(
            f"Invalid value for `{section}{name}`. Expected: {expected}{none}. "
            f"Received: {section}{name}={value!r}"
        )
