"""A budget, and the selection that meets it from just below."""

import weakref

import numpy as np

from tfdcu.pruning.cost import COSTS
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.rebuild import rebuild

BUDGETS = (*COSTS, "latency")
# How far below a budget is near enough, as a share of it: nothing closer is
# looked for. Of two measured times the difference is mostly noise.
NEAR, NEAR_IN_TIME = 0.02, 0.05
# Models built and measured at most to meet a latency.
NUM_MEASURED = 12


class BudgetError(ValueError):
    """No choice of channels meets a budget."""


def one_budget(budgets):
    """The name and the value of the one budget that is given.

    Args:
        budgets: Dict from name to a number; `None` and 0 are not given: a
            flag on the command line can take a budget back with 0.

    Returns:
        (name, value).

    Raises:
        ValueError: If not exactly one is given, or it is below 0.
    """
    given = {k: v for k, v in budgets.items() if v}
    if len(given) != 1:
        raise ValueError(
            "Exactly one budget is needed. Expected one of "
            f"{', '.join(budgets)}; one that is 0 counts as not given. "
            f"Received: {given or 'none'}."
        )
    ((name, value),) = given.items()
    if not value > 0:
        raise ValueError(
            f"The budget `{name}` cannot be met. Expected a share above 0 and "
            f"up to 1, or a number above 1. Received: {name}={value!r}."
        )
    return name, value


def check_size(name, value, full):
    """Raises if a model is below its budget before anything is cut.

    Args:
        name, value: From `one_budget`.
        full: What the model costs.

    Raises:
        BudgetError: If there is nothing to cut.
    """
    if value > max(1, full):
        raise BudgetError(
            f"The budget `{name}` is above what the model has. Expected: at "
            f"most {_shown(full)}, or a share of it up to 1. "
            f"Received: {name}={_shown(value)}."
        )


def meet_budget(groups, selection, name, value, measure, original):
    """The units to keep so that a budget is met.

    Args:
        groups: The `Groups` of the model.
        selection: A `Selection` of them.
        name: "macs", "params", "ratio" or "latency".
        value: The most that the cost may be: a share up to 1, or a number.
        measure: Function model -> milliseconds, for "latency".
        original: The `Groups` that shares in the message are of.

    Returns:
        bool array over all units.

    Raises:
        BudgetError: If the budget cannot be met; the message says which can.
    """
    full = full_cost(groups, name, measure)
    check_size(name, value, full)
    budget = value * full if value <= 1 else value
    if name == "latency":
        kept, reached = _by_time(groups, selection, budget, measure)
    else:
        cost = COSTS[name](groups)
        kept, reached = _select(groups, selection, cost, budget, NEAR)
    if reached > budget:
        if original is not groups:
            full = full_cost(original, name, measure)
            value = budget / full if value <= 1 else value
        raise BudgetError(_refusal(name, value, budget, reached, full))
    return kept


def budget_of(model, teacher, channels, part=1.0, measure=None):
    """The budget of a model on its way from the teacher to a student.

    Args:
        model: What is cut next: the teacher, or a smaller one.
        teacher: What a budget up to 1 is a share of.
        channels: Dict with one of the budgets of `prune_channels`.
        part: How much of the way is gone afterwards, in (0, 1]: of a share s
            of the teacher, s^part is left.
        measure: As in `prune_channels`.

    Returns:
        Dict with that one budget, for a cut of `model`.

    Raises:
        ValueError: As in `prune_channels`.
    """
    name, value = one_budget({key: channels.get(key) for key in BUDGETS})
    if part == 1 and model is teacher:
        return {name: value}
    full = full_cost(Groups(teacher), name, measure)
    check_size(name, value, full)
    share = value if value <= 1 else value / full
    now = full_cost(Groups(model), name, measure)
    return {name: min(1.0, share**part * full / now)}


def once_a_model(measure):
    """A measurement that is taken of each model once, and then remembered.

    Rounds of pruning ask again and again what the teacher takes.

    Args:
        measure: Function model -> number; anything else is given back.

    Returns:
        A function like it, which keeps no model alive.
    """
    if not callable(measure):
        return measure
    known = weakref.WeakKeyDictionary()

    def remembered(model):
        if model not in known:
            known[model] = measure(model)
        return known[model]

    return remembered


def full_cost(groups, name, measure=None):
    """What the whole model costs, in the unit of a budget."""
    if name != "latency":
        return COSTS[name](groups)(np.ones(groups.num_units, bool))
    if not callable(measure):
        raise ValueError(
            "A latency budget needs a measurement. Expected: `measure`, a "
            "function of a model that gives milliseconds, such as "
            f"tfdcu.litert_latency. Received: measure={measure!r}."
        )
    return measure(groups.trace.graph.model)


def _select(groups, selection, cost, budget, tolerance):
    """Selects, and keeps one channel wherever an axis would be left empty."""
    counts, reached = selection.meet(cost, budget, tolerance)
    kept = selection.kept(counts)
    for _ in range(len(selection.sizes)):
        if not selection.rescue(groups, kept):
            break
        counts, reached = selection.meet(cost, budget, tolerance)
        kept = selection.kept(counts)
    return kept, reached


def _by_time(groups, selection, budget, measure):
    """Bisection over macs; each step builds a model and measures it.

    Returns the selection of the longest time within the budget and that time,
    or, if none is within, those of the shortest.
    """
    cost = COSTS["macs"](groups)
    full = cost(np.ones(groups.num_units, bool))
    low, high = 0.0, 1.0
    found = []
    for _ in range(NUM_MEASURED):
        middle = (low + high) / 2
        kept, macs = _select(groups, selection, cost, middle * full, NEAR)
        taken = measure(rebuild(groups, kept))
        found.append((taken, kept))
        smallest = macs > middle * full
        if (1 - NEAR_IN_TIME) * budget <= taken <= budget:
            break
        if taken <= budget:
            low = max(middle, macs / full)
        elif smallest:
            break
        else:
            high = middle
    within = [one for one in found if one[0] <= budget]
    choose = max if within else min
    taken, kept = choose(within or found, key=lambda one: one[0])
    return kept, taken


def _refusal(name, value, budget, reached, full):
    return (
        f"The budget {name}={value:.6g} cannot be met. Expected a result of "
        f"at most {_shown(budget)}; the nearest that can be reached is "
        f"{_shown(reached)}, {name}={reached / full:.4f}. Smaller "
        "`min_channels` or fewer exclusions reach more. "
        f"Received: {name}={value:.6g} of a model with {_shown(full)}."
    )


def _shown(amount):
    return f"{amount:,.0f}" if amount >= 1000 else f"{amount:.4g}"
