"""Budgets (macs, parameters, channels, latency) and how to meet them."""

import warnings
import weakref

import numpy as np

from tfdcu.pruning.cost import COSTS
from tfdcu.pruning.cost import cost_of
from tfdcu.pruning.groups import groups_of
from tfdcu.pruning.rebuild import rebuild
from tfdcu.pruning.unprunable import worst
from tfdcu.workdir.arguments import check_arguments

BUDGETS = (*COSTS, "latency")
# A cost this far below the budget, as a share of it, is close enough. Measured
# times need a larger margin: they are noisy.
NEAR, NEAR_IN_TIME = 0.02, 0.05
# Maximum number of models that are built and timed to meet a latency.
NUM_MEASURED = 12


class BudgetError(ValueError):
    """No selection of channels meets the budget."""


def one_budget(budgets):
    """Name and value of the only budget that is given.

    Args:
        budgets: Dict from name to a number. `None` and 0 count as not given,
            so a command-line flag can unset a budget with 0.

    Returns:
        (name, value).

    Raises:
        ValueError: If not exactly one is given, or it is below 0.
    """
    check_arguments(tuple(budgets), **budgets)
    given = {k: v for k, v in budgets.items() if v}
    if len(given) != 1:
        raise ValueError(
            "Exactly one budget must be given. Expected: one of "
            f"{', '.join(budgets)}; 0 counts as not given. "
            f"Received: {given or 'none'}."
        )
    ((name, value),) = given.items()
    return name, value


def check_size(name, value, full):
    """Raises if the model is already below its budget.

    Args:
        name, value: From `one_budget`.
        full: Cost of the model.

    Raises:
        BudgetError: If the budget is above the cost of the model.
    """
    if value > max(1, full):
        raise BudgetError(
            f"The budget `{name}` is above what the model has. Expected: at "
            f"most {_format(full)}, or a share of it up to 1. "
            f"Received: {name}={_format(value)}."
        )


def check_reach(groups, selection, name, value, measure=None):
    """Raises if even the smallest selection is above the budget.

    Use it before channels are scored: nothing is built, except for a latency.

    Args:
        groups, name, value, measure: As in `meet_budget`; a latency is not
            checked without `measure`.
        selection: A `Selection` with any scores.

    Raises:
        BudgetError: The message names the nearest budget that can be met.
    """
    if name == "latency" and not callable(measure):
        return
    full = full_cost(groups, name, measure)
    check_size(name, value, full)
    kept = selection.kept(selection.lowest)
    selection.rescue(groups, kept)
    kept = selection.kept(selection.lowest)
    if name == "latency":
        least = measure(rebuild(groups, kept))
    else:
        least = COSTS[name](groups)(kept)
    budget = value * full if value <= 1 else value
    if least > budget:
        text = _budget_message(name, value, budget, least, full)
        raise BudgetError(text + worst(groups))


def warn_of_gap(before, after, given, budget):
    """Warns if layer widths allow nothing near the budget, only below it.

    Args:
        before, after: Of a `ChannelPlan`.
        given: Dict with the budget that the user gave.
        budget: The same for the model of the plan.
    """
    ((name, share),) = budget.items()
    if after.get(name) is None:
        return
    most = share * before[name] if share <= 1 else share
    if after[name] < (1 - NEAR) * most:
        value = given[name]
        warnings.warn(
            f"The budget {name}={value:.6g} allows {_format(most)}; the "
            "widths of the layers, and `per_layer`, allow nothing nearer than "
            f"{_format(after[name])}.",
            stacklevel=5,
        )


def meet_budget(groups, selection, name, value, measure, original):
    """Selects the units to keep so that the budget is met.

    Args:
        groups: The `Groups` of the model.
        selection: A `Selection` of them.
        name: "macs", "params" or "latency".
        value: Maximum cost: a share if at most 1, else a number.
        measure: Function model -> milliseconds, for "latency".
        original: The `Groups` of the model before pruning, which shares in
            the error message refer to.

    Returns:
        bool array over all units.

    Raises:
        BudgetError: If the budget cannot be met; the message names the
            nearest that can.
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
        text = _budget_message(name, value, budget, reached, full)
        raise BudgetError(text + worst(groups))
    return kept


def budget_of(model, teacher, channels, part=1.0, measure=None):
    """The budget of one pruning round.

    Args:
        model: The model to prune next, the teacher or a smaller one, or its
            `Groups`.
        teacher: The model that shares refer to, or its `Groups`.
        channels: Dict with one of the budgets of `prune_channels`.
        part: Progress after this round, in (0, 1]: with a final share s of
            the teacher's cost, s^part is left.
        measure: As in `prune_channels`.

    Returns:
        Dict with one budget, for pruning `model`.

    Raises:
        ValueError: As in `prune_channels`.
    """
    name, value = one_budget({key: channels.get(key) for key in BUDGETS})
    if part == 1 and model is teacher:
        return {name: value}
    full = full_cost(groups_of(teacher), name, measure)
    check_size(name, value, full)
    share = value if value <= 1 else value / full
    now = full_cost(groups_of(model), name, measure)
    return {name: min(1.0, share**part * full / now)}


def once_a_model(measure):
    """Caches a measurement by model.

    Use it where rounds of pruning measure the same teacher again and again.

    Args:
        measure: Function model -> number; anything else is returned as is.

    Returns:
        A function of a model. The cache holds weak references to the models.
    """
    if not callable(measure):
        return measure
    cache = weakref.WeakKeyDictionary()

    def cached(model):
        if model not in cache:
            cache[model] = measure(model)
        return cache[model]

    return cached


def full_cost(groups, name, measure=None):
    """Cost of the model before pruning, in the unit of the budget."""
    if name != "latency":
        return COSTS[name](groups)(np.ones(groups.num_units, bool))
    if not callable(measure):
        raise ValueError(
            "A latency budget needs `measure`. Expected: a "
            "function of a model that returns milliseconds, such as "
            f"tfdcu.litert_latency. Received: measure={measure!r}."
        )
    return measure(groups.trace.graph.model)


def _select(groups, selection, cost, budget, tolerance):
    """Selects units, keeping at least one on every axis."""
    counts, reached = selection.meet(cost, budget, tolerance)
    kept = selection.kept(counts)
    for _ in range(len(selection.sizes)):
        if not selection.rescue(groups, kept):
            break
        counts, reached = selection.meet(cost, budget, tolerance)
        kept = selection.kept(counts)
    return kept, reached


def _by_time(groups, selection, budget, measure):
    """Meets a latency by bisection over a cost, building and timing models.

    Returns the slowest selection within the budget and its time; the fastest
    one if none is within.
    """
    cost = cost_of(groups, "latency")
    full = cost(np.ones(groups.num_units, bool))
    low, high = 0.0, 1.0
    trials = []
    for _ in range(NUM_MEASURED):
        middle = (low + high) / 2
        kept, spent = _select(groups, selection, cost, middle * full, NEAR)
        taken = measure(rebuild(groups, kept))
        trials.append((taken, kept))
        smallest = spent > middle * full
        if (1 - NEAR_IN_TIME) * budget <= taken <= budget:
            break
        if taken <= budget:
            low = max(middle, spent / full)
        elif smallest:
            break
        else:
            high = middle
    within = [trial for trial in trials if trial[0] <= budget]
    choose = max if within else min
    taken, kept = choose(within or trials, key=lambda trial: trial[0])
    return kept, taken


def _budget_message(name, value, budget, reached, full):
    return (
        f"The budget {name}={value:.6g} cannot be met. "
        f"Expected: at most {_format(budget)}; the nearest that can "
        f"be reached is {_format(reached)}, {name}={reached / full:.4f}. "
        "A layer keeps a tenth of its channels; fewer excluded layers may "
        "help. "
        f"Received: {name}={value:.6g} of a model with {_format(full)}."
    )


def _format(amount):
    return f"{amount:,.0f}" if amount >= 1000 else f"{amount:.4g}"
