"""The search space: fields of a config as ranges or choices."""

import dataclasses
import difflib
import inspect
import json
import math
import numbers

from tfdcu.pruning import BUDGETS
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_options

# Trials prune in one round; the field applies to the winners only.
ONLY_IN_FULL = ("channels.rounds",)


@dataclasses.dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included.

    Attributes:
        name: The field, such as `"channels.macs"`.
        low: Number. If `low`, `high` and `step` are integers, all values are.
        high: Number above `low`.
        step: Distance between values, or `None`.
        sampling: `"linear"` or `"log"`.
        default: The value of the first trial.
    """

    name: str
    low: float
    high: float
    step: float | None
    sampling: str
    default: float

    def limits(self):
        """Values that tell whether all of them will do."""
        return self.low, self.high

    def ask(self, hp):
        """The value of a `keras_tuner.HyperParameters`, declared if new."""
        numbers_in = (self.low, self.high, self.step or 0)
        whole = all(isinstance(value, int) for value in numbers_in)
        return (hp.Int if whole else hp.Float)(
            self.name,
            self.low,
            self.high,
            step=self.step,
            sampling=self.sampling,
            default=self.default,
        )


@dataclasses.dataclass(frozen=True)
class Choices:
    """One of several values of any type.

    Attributes:
        name: The field, such as `"channels.importance"`.
        values: Tuple of the values.
        default: The value of the first trial.
    """

    name: str
    values: tuple
    default: object

    def limits(self):
        """Values that tell whether all of them will do."""
        return self.values

    def ask(self, hp):
        """The value of a `keras_tuner.HyperParameters`, declared if new."""
        values, default = list(self.values), self.default
        if {type(value) for value in values} in ({int}, {float}, {str}):
            return hp.Choice(self.name, values, default=default)
        # keras-tuner supports only these types, unmixed.
        names = [repr(value) for value in values]
        # The default may have another type, such as 1 for the choice 1.0.
        name = hp.Choice(self.name, names, default=names[values.index(default)])
        return values[names.index(name)]


def read_space(space, config):
    """The fields that a search varies, checked.

    Args:
        space: Dict from section to dict from field to values, or a flat dict
            from `"section.field"` to values. A tuple is a range: `(low,
            high)`, `(low, high, "log")` or `(low, high, step)`. A list is a
            choice. Fields that are `None` are not searched.
        config: Dict of sections with the values of all other fields.

    Returns:
        List of `Range` and `Choices`.

    Raises:
        ValueError: If a name is unknown, a range or a list is empty, or more
            than one budget is searched.
    """
    leaves = []
    for section, fields in by_section(space).items():
        check_names("section", [section], SECTIONS)
        check_options(section, fields, SECTIONS[section])
        for field, values in fields.items():
            if f"{section}.{field}" in ONLY_IN_FULL:
                raise ValueError(
                    "Trials always prune in one round. "
                    f"Expected: fields other than {ONLY_IN_FULL}. Received: "
                    f"{section}.{field}={values!r}"
                )
            if values is not None:
                stands = standing_value(config, section, field)
                leaves.append(leaf(f"{section}.{field}", values, stands))
    if not leaves:
        raise ValueError(
            "There is nothing to search. Expected: at least one field with a "
            "range or choices, such as {'channels': {'macs': (0.1, 0.8)}}. "
            f"Received: space={space!r}"
        )
    known = [f"channels.{name}" for name in BUDGETS]
    budgets = [one.name for one in leaves if one.name in known]
    if len(budgets) > 1:
        raise ValueError(
            "Pruning has one budget. Expected: one of "
            f"{known} in the search space. Received: {budgets}"
        )
    return leaves


def by_section(space):
    """A flat or nested search space as nested dicts."""
    if not hasattr(space, "items"):
        raise ValueError(
            "The search space is not a dict. Expected: sections with fields, "
            f"or 'section.field' with values. Received: {space!r}"
        )
    nested = {}
    for key, value in space.items():
        section, _, field = key.partition(".")
        if field:
            nested.setdefault(section, {})[field] = value
        elif hasattr(value, "items"):
            nested.setdefault(section, {}).update(value)
        else:
            raise ValueError(
                "A search space names fields of sections. Expected: "
                "'section.field', or a section with a dict of fields. "
                f"Received: {key}={value!r}"
            )
    return nested


def standing_value(config, section, field):
    """The value of a field in the config, else its default."""
    if field in config[section]:
        return config[section][field]
    default = inspect.signature(SECTIONS[section]).parameters[field].default
    return None if default is inspect.Parameter.empty else default


def leaf(name, values, stands):
    """A `Range` for a tuple, `Choices` for a list."""
    if isinstance(values, list):
        if not values or len({repr(value) for value in values}) < len(values):
            raise ValueError(
                f"Invalid choices for '{name}'. Expected: a list of one or "
                f"more different values. Received: {values!r}"
            )
        check_json(name, values)
        default = stands if stands in values else values[0]
        return Choices(name, tuple(values), default)
    if not isinstance(values, tuple) or len(values) not in (2, 3):
        raise ValueError(
            f"The values of '{name}' cannot be searched. Expected: a range "
            "(low, high), (low, high, 'log') or (low, high, step), or a list "
            f"of choices. Received: {values!r}"
        )
    low, high = values[:2]
    third = values[2] if len(values) == 3 else None
    step = third if is_number(third) else None
    log = third == "log"
    if (
        not (is_number(low) and is_number(high) and low < high)
        or not (third is None or log or (step and 0 < step <= high - low))
        or (log and low <= 0)
    ):
        raise ValueError(
            f"Invalid range for '{name}'. Expected: (low, "
            "high), (low, high, 'log') or (low, high, step) with low < high, "
            "0 < step <= high - low, and 0 < low where it is logarithmic. "
            f"Received: {values!r}"
        )
    inside = is_number(stands) and low <= stands <= high
    if inside and step:
        steps = (stands - low) / step
        inside = math.isclose(steps, round(steps), abs_tol=1e-9)
    # The upper end of a budget can be met, the lower end perhaps not.
    default = stands if inside else high
    sampling = "log" if log else "linear"
    return Range(name, low, high, step, sampling, default)


def check_json(name, values):
    """Raise if a choice cannot be stored as JSON."""
    try:
        json.dumps(values)
    except TypeError as error:
        raise ValueError(
            f"The choices of '{name}' cannot be stored as JSON. Expected: "
            "numbers, strings, booleans, None, and lists or tuples of these. "
            f" Received: {values!r}"
        ) from error


def is_number(value):
    """Whether a value is a finite real number and not a boolean."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def with_values(config, values):
    """A config with the values of a trial.

    A searched budget replaces the one in the config.

    Args:
        config: Dict of sections; other entries are not changed.
        values: Dict from `"section.field"` to value.

    Returns:
        A new dict.
    """
    config = {
        name: dict(part) if name in SECTIONS else part
        for name, part in config.items()
    }
    for name, value in values.items():
        section, field = name.split(".")
        if section == "channels" and field in BUDGETS:
            for other in BUDGETS:
                config[section].pop(other, None)
        config[section][field] = value
    return config


def check_names(kind, names, known):
    """Raise if a name is unknown.

    Args:
        kind: What the names refer to, for the message.
        names: Iterable of the given names.
        known: Iterable of the valid names.

    Raises:
        ValueError: If a name is unknown; the message names the nearest.
    """
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; the nearest is '{near[0]}'" if near else ""
            raise ValueError(
                f"Unknown {kind} of a search. Expected: one of {known}{hint}. "
                f"Received: {kind}={name!r}"
            )
