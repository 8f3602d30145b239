"""What a search may vary: leaves of a config, as ranges or as choices."""

import dataclasses
import difflib
import inspect
import json
import math
import numbers

from tfdcu.pruning import BUDGETS
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_options

# What trials prune at once cannot be searched; winners follow it.
ONLY_IN_FULL = ("channels.rounds",)


@dataclasses.dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included.

    Attributes:
        name: The leaf, such as `"channels.macs"`.
        low: Number; whole if `high` and `step` are, then so are all values.
        high: Number above `low`.
        step: Distance of neighboring values, or `None`.
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
    """One of some values of any kind.

    Attributes:
        name: The leaf, such as `"channels.importance"`.
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
        # keras-tuner knows only these types, and no mixture of them.
        names = [repr(value) for value in values]
        # The default may be of another type: 1 where 1.0 is a choice.
        name = hp.Choice(self.name, names, default=names[values.index(default)])
        return values[names.index(name)]


def read_space(space, config):
    """The leaves that a search varies, checked.

    Args:
        space: Dict from section to dict from field to values, or a flat dict
            from `"section.field"` to values. A tuple is a range: `(low,
            high)`, `(low, high, "log")` or `(low, high, step)`. A list is a
            choice. Fields that are `None` are not searched.
        config: Dict of sections, what stands where nothing is varied.

    Returns:
        List of `Range` and `Choices`.

    Raises:
        ValueError: If a name is unknown (the nearest one is named), a range
            or a list is empty, or more than one budget is searched.
    """
    leaves = []
    for section, fields in by_section(space).items():
        check_names("section", [section], SECTIONS)
        check_options(section, fields, SECTIONS[section])
        for field, values in fields.items():
            if f"{section}.{field}" in ONLY_IN_FULL:
                raise ValueError(
                    "Trials prune in one round, whatever the config says. "
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
            "Channels have one budget. Expected: one of "
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
    """What a field is without a search: the config's value or the default."""
    if field in config[section]:
        return config[section][field]
    default = inspect.signature(SECTIONS[section]).parameters[field].default
    return None if default is inspect.Parameter.empty else default


def leaf(name, values, stands):
    """A `Range` of a tuple, `Choices` of a list, or the error of neither."""
    if isinstance(values, list):
        if not values or len({repr(value) for value in values}) < len(values):
            raise ValueError(
                f"The choices of '{name}' are no choices. Expected: a list of "
                f"different values, at least one. Received: {values!r}"
            )
        check_writable(name, values)
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
            f"The range of '{name}' is empty or no range. Expected: (low, "
            "high), (low, high, 'log') or (low, high, step) with low < high, "
            "0 < step <= high - low, and 0 < low where it is logarithmic. "
            f"Received: {values!r}"
        )
    inside = is_number(stands) and low <= stands <= high
    if inside and step:
        steps = (stands - low) / step
        inside = math.isclose(steps, round(steps), abs_tol=1e-9)
    # A budget's upper end can be met, its lower end perhaps not.
    default = stands if inside else high
    sampling = "log" if log else "linear"
    return Range(name, low, high, step, sampling, default)


def check_writable(name, values):
    """Raise if a choice cannot be kept in a trial's record."""
    try:
        json.dumps(values)
    except TypeError as error:
        raise ValueError(
            f"The choices of '{name}' cannot be written down. Expected: "
            "numbers, strings, truth values, None, and lists or tuples of "
            f"these. Received: {values!r}"
        ) from error


def is_number(value):
    """Whether a value is a finite real number, and no truth value."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def with_values(config, values):
    """A config with the values of a trial in their places.

    A searched budget of the channels replaces whatever budget stood there.

    Args:
        config: Dict of sections; other entries are kept as they are.
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
    """Raise the error of the first name that is not known.

    Args:
        kind: What the names are of, for the message.
        names: Iterable of what the user gave.
        known: Iterable of the names there are.

    Raises:
        ValueError: If a name is not among them; the message names the
            nearest.
    """
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; the nearest is '{near[0]}'" if near else ""
            raise ValueError(
                f"Unknown {kind} of a search. Expected: one of {known}{hint}. "
                f"Received: {name!r}"
            )
