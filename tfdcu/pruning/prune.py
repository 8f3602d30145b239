"""Channel pruning in one call: groups, importance, selection, rebuild."""

import numpy as np

from tfdcu.pruning.batchnorm import reestimate_statistics
from tfdcu.pruning.budget import BUDGETS
from tfdcu.pruning.budget import BudgetError
from tfdcu.pruning.budget import budget_of
from tfdcu.pruning.budget import check_size
from tfdcu.pruning.budget import full_cost
from tfdcu.pruning.budget import meet_budget
from tfdcu.pruning.budget import once_a_model
from tfdcu.pruning.budget import one_budget
from tfdcu.pruning.constraints import bounds
from tfdcu.pruning.cost import COSTS
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.scores import PER_COST
from tfdcu.pruning.importance.scores import CachedImportance
from tfdcu.pruning.importance.scores import check_importance
from tfdcu.pruning.importance.scores import default_importance
from tfdcu.pruning.importance.scores import per_cost
from tfdcu.pruning.importance.scores import score_groups
from tfdcu.pruning.plan import ChannelPlan
from tfdcu.pruning.reconstruct import reconstruct as reconstruct_kernels
from tfdcu.pruning.select import Selection
from tfdcu.pruning.select import step_of

# Where kernels are solved anew. Students start closer to the teacher than with
# one cut (docs/channels.md).
ROUNDS = 4


def prune_channels(
    model,
    images=None,
    measure=None,
    seed=0,
    *,
    macs=None,
    params=None,
    ratio=None,
    latency=None,
    importance=None,
    round_to=8,
    min_channels=0.1,
    exclude=(),
    per_layer=None,
    reconstruct=None,
    reestimate=False,
    rounds=None,
):
    """Removes channels from a model of any shape and returns a smaller one.

    Use it to make the student out of the teacher. The channels are really
    gone: the result is an ordinary model with smaller layers. It computes
    exactly what the original computes with the same channels masked at
    their consumers; then, where there are images, its kernels are solved
    anew to make up for what went (`reconstruct`). Names, dtype policies,
    regularizers, trainable flags and the training config are kept; the
    argument is not changed. Inputs and outputs keep their shapes.

    Groups follow Fang et al. 2023 (DepGraph, arXiv:2301.12900) in spirit;
    the criteria name their own sources in `tfdcu/pruning/importance/`. The
    way a budget is met (a threshold, then filling up in rounded steps) is
    ours, as is weighing "taylor" scores by what a channel costs of the
    budget.

    Args:
        model: A built functional or sequential `keras.Model`: several
            inputs, nested models and shared layers are fine.
        macs: Most multiply-accumulates of the result: a share of the model's
            own up to 1, or a number of them above 1. It is met from below, to
            within 2 % where the widths allow it. Exactly one of `macs`,
            `params`, `ratio` and `latency` is given; 0 stands for none.
        params: Most parameters, likewise.
        ratio: Most channels of the prunable groups, likewise.
        latency: Most time for one image, a share of the model's own up to
            1, or milliseconds above 1; found by bisection over macs.
        measure: Function model -> milliseconds, for `latency`.
        importance: "l1", "l2", "random", "taylor", "reconstruction", or a
            function (model, group) -> scores, one a unit, compared across
            groups as they are. Defaults to `None`: "taylor" where there are
            `images`, else "l2".
        round_to: Channels are kept in multiples of it, in small groups of
            the power of two at or below a quarter of the channels. Steps
            are halved where a budget cannot be met otherwise. Default 8.
        min_channels: Fewest channels a group keeps: a share below 1, else a
            number. Default 0.1.
        exclude: Layers whose channels all stay: names, paths, patterns like
            "block1_*", or layer classes.
        per_layer: Dict from such a name, pattern or class to the share of
            channels that its group keeps.
        images: Unlabeled images for the criteria that look at data, for
            `reconstruct` and `reestimate`: an array, or a dataset of batches of
            images. A thousand are enough, and they make a much better
            student.
        reconstruct: Whether the kernels that are left are solved anew, layer by
            layer, to give what the original gives on `images` (see
            `tfdcu.pruning.reconstruct`); label-free. Default `None`: where
            there are images.
        reestimate: Whether the statistics of BatchNormalization are computed
            anew on `images`. Default `False`: they are the original's, and
            so those of the images that it was trained on.
        rounds: Int, at least 1, cuts of equal proportion that lead to the
            budget. Each judges the channels anew, as what the one before left
            uses them, and takes as long as the first. Default `None`: 4 where
            kernels are solved anew, but 1 with a `CachedImportance`.
        seed: Seed of everything random.

    Returns:
        A new, smaller `keras.Model`.

    Raises:
        ValueError: If the model cannot be taken apart, not exactly one budget
            is given, an option is unknown, images are missing, there are no
            rounds or several with a `CachedImportance`, or the budget
            cannot be met; the message then says which can.

    Example:

    >>> student = prune_channels(teacher, macs=0.5)
    """
    options = dict(locals())
    for name in ("model", "reconstruct", "reestimate", "rounds"):
        del options[name]
    check_images(images, reconstruct, reestimate)
    rounds = num_rounds(rounds, importance, reconstructs(images, reconstruct))
    options["measure"] = once_a_model(measure)
    smaller = model
    for number in range(1, rounds + 1):
        plan = plan_round(smaller, model, number / rounds, **options)
        smaller = student_of(
            plan,
            images,
            reconstruct=reconstruct,
            reestimate=reestimate,
            seed=seed,
        )
    return smaller


def num_rounds(rounds, importance, reconstructed):
    """How many cuts lead to the budget.

    Args:
        rounds, importance: As in `prune_channels`.
        reconstructed: Whether kernels are solved anew.

    Returns:
        Int, at least 1.

    Raises:
        ValueError: If there are no rounds, or several by the importance of a
            model that is no longer there after the first.
    """
    known = isinstance(importance, CachedImportance)
    if rounds is None:
        return ROUNDS if reconstructed and not known else 1
    if rounds < 1:
        raise ValueError(
            "A model is cut in rounds. Expected: rounds of at least 1. "
            f"Received: rounds={rounds}."
        )
    if known and rounds > 1:
        raise ValueError(
            "The importance of a model does not tell what a cut made of it. "
            "Expected: rounds=1, or the name of an importance instead of the "
            f"`score_channels` of a model. Received: rounds={rounds}."
        )
    return rounds


def plan_round(model, original, part, *, measure=None, **options):
    """What a round cuts on the way from a model to its budget.

    A round before the last whose part of the budget no choice of channels
    meets cuts nothing; the next one has more to cut.

    Args:
        model: What the rounds before left.
        original: What the first round was given, and the budget is a share of.
        part: How much of the way is gone afterwards, in (0, 1].
        measure, **options: As in `plan_channels`.

    Returns:
        A `ChannelPlan`.

    Raises:
        ValueError: As in `plan_channels`.
    """
    budget = budget_of(model, original, options, part, measure)
    try:
        return plan_channels(
            model, original=original, measure=measure, **options | budget
        )
    except BudgetError:
        if part == 1:
            raise
        groups = Groups(model)
        return ChannelPlan(groups, np.ones(groups.num_units, bool))


def student_of(plan, images, *, reconstruct=None, reestimate=False, seed=0):
    """The smaller model of a plan, made the best of without training.

    Args:
        plan: A `ChannelPlan`.
        images, reconstruct, reestimate, seed: As in `prune_channels`.

    Returns:
        A new, smaller `keras.Model`.
    """
    smaller = plan.apply()
    if reconstructs(images, reconstruct):
        reconstruct_kernels(smaller, plan, images, seed=seed)
    if reestimate:
        reestimate_statistics(smaller, images)
    return smaller


def reconstructs(images, reconstruct):
    """Whether kernels are solved anew."""
    return images is not None if reconstruct is None else reconstruct


def check_images(images, reconstruct, reestimate):
    """Raises if images are asked for that are not there."""
    if images is None and (reconstruct or reestimate):
        raise ValueError(
            "A student cannot be reconstructed or its BatchNormalization "
            "re-estimated without data. Expected unlabeled `images`. "
            f"Received: images=None, reconstruct={reconstruct}, "
            f"reestimate={reestimate}."
        )


def check_channels(
    model,
    *,
    importance=None,
    min_channels=0.1,
    exclude=(),
    per_layer=None,
    **budget,
):
    """Raises what a cut of a model would, as far as no image is needed.

    Args:
        model, importance, min_channels, exclude, per_layer: As in
            `prune_channels`.
        **budget: Its other keywords, one of them a budget.

    Raises:
        ValueError: As in `prune_channels`.
    """
    name, value = one_budget({key: budget.get(key) for key in BUDGETS})
    if importance is not None:
        check_importance(importance)
    groups = Groups(model)
    bounds(groups, exclude, per_layer or {}, min_channels, whole_sizes(groups))
    if name != "latency":
        check_size(name, value, full_cost(groups, name))


def plan_channels(
    model,
    *,
    macs=None,
    params=None,
    ratio=None,
    latency=None,
    measure=None,
    importance=None,
    round_to=8,
    min_channels=0.1,
    exclude=(),
    per_layer=None,
    images=None,
    original=None,
    seed=0,
):
    """Decides which channels go, without building the smaller model.

    Use it to see a table of what will be cut and why the rest is kept, or to
    learn which channels of the teacher each layer of the student has.

    Args:
        model, macs, params, ratio, latency, measure, importance, round_to,
        min_channels, exclude, per_layer, images, seed: As in
            `prune_channels`.
        original: What `model` was cut from, if it was: `round_to`,
            `min_channels` and `per_layer` are then of its channels. The
            budget is of the model's own. Defaults to `None`, the model.

    Returns:
        A `ChannelPlan`; `plan.apply()` is the smaller model.

    Raises:
        ValueError: As in `prune_channels`.

    Example:

    >>> plan = plan_channels(teacher, macs=0.5)
    >>> print(plan.table())
    >>> student, keep = plan.apply(), plan.keep
    """
    budgets = {"macs": macs, "params": params, "ratio": ratio}
    name, value = one_budget({**budgets, "latency": latency})
    if importance is not None:
        check_importance(importance)
    groups = Groups(model)
    cut = original is not None and original is not model
    first = Groups(original) if cut else groups
    whole = whole_sizes(first)
    chosen, reasons, lowest, highest = bounds(
        groups, exclude, per_layer or {}, min_channels, whole
    )
    importance = importance or default_importance(images)
    scores = score_groups(groups, chosen, importance, images, seed)
    if getattr(importance, "name", importance) in PER_COST:
        # The time of a model goes with its arithmetic.
        cost = COSTS["macs" if name == "latency" else name](groups)
        scores = per_cost(scores, groups, chosen, cost)
    steps = [step_of(whole(g), g.width, round_to) for g in chosen]
    selection = Selection(
        groups.num_units, chosen, scores, lowest, highest, steps
    )
    kept = meet_budget(groups, selection, name, value, measure, first)
    return ChannelPlan(groups, kept, reasons)


def whole_sizes(groups):
    """How many units each group had before anything was cut.

    Args:
        groups: The `Groups` of the model that was cut.

    Returns:
        A function from a `ChannelGroup` of the smaller model to an int; a
        group that the original does not have is as it was.
    """
    sizes = {group.name: group.size for group in groups.all}
    return lambda group: max(sizes.get(group.name, 0), group.size)
