"""`prune_channels`: group, score, select and remove channels."""

import numpy as np

from tfdcu.graph.clone import check_clone
from tfdcu.pruning.budget import BUDGETS
from tfdcu.pruning.budget import BudgetError
from tfdcu.pruning.budget import budget_of
from tfdcu.pruning.budget import check_reach
from tfdcu.pruning.budget import meet_budget
from tfdcu.pruning.budget import once_a_model
from tfdcu.pruning.budget import one_budget
from tfdcu.pruning.budget import warn_of_gap
from tfdcu.pruning.check import check_smaller
from tfdcu.pruning.constraints import NothingToRemove
from tfdcu.pruning.constraints import bounds
from tfdcu.pruning.cost import cost_of
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.groups import groups_of
from tfdcu.pruning.image_size import chosen_size
from tfdcu.pruning.image_size import resized_images
from tfdcu.pruning.image_size import start_at
from tfdcu.pruning.image_size import with_size
from tfdcu.pruning.importance.scores import PER_COST
from tfdcu.pruning.importance.scores import CachedImportance
from tfdcu.pruning.importance.scores import check_importance
from tfdcu.pruning.importance.scores import default_importance
from tfdcu.pruning.importance.scores import images_of
from tfdcu.pruning.importance.scores import per_cost
from tfdcu.pruning.importance.scores import score_groups
from tfdcu.pruning.plan import ChannelPlan
from tfdcu.pruning.reconstruct import reconstruct as reconstruct_kernels
from tfdcu.pruning.select import Selection
from tfdcu.pruning.select import step_of
from tfdcu.renamed import explain_renamed
from tfdcu.workdir.arguments import ARGUMENTS
from tfdcu.workdir.arguments import check_arguments

# The default with reconstruction: students start closer to the teacher than
# after a single round; four are no better (docs/channels.md).
ROUNDS = 2


@explain_renamed("channels")
def prune_channels(
    model,
    images=None,
    measure=None,
    seed=0,
    *,
    macs=None,
    params=None,
    latency=None,
    image_size=None,
    importance=None,
    round_to=8,
    exclude=(),
    per_layer=None,
    reconstruct=None,
    rounds=None,
):
    """Removes channels from a model and returns a smaller one.

    Use it to make the student from the teacher. The channels are removed, not
    just zeroed: the result is an ordinary model with smaller layers. It
    computes exactly what the original computes with the same channels masked
    where they are consumed; then, if `images` are given, its kernels are
    reconstructed by least squares. Names, dtype policies, regularizers,
    trainable flags and the training config are kept, and so are the shapes of
    inputs and outputs. The argument is not changed.

    Channel groups follow Fang et al. 2023 (DepGraph, arXiv:2301.12900); the
    sources of the criteria are in `tfdcu/pruning/importance/`. A budget is
    met by one threshold on the scores of all groups, then filled up in
    rounded steps; "taylor" scores are divided by the cost of the channel.

    Args:
        model: A built `keras.Model`; several inputs, nested models and shared
            layers are supported. Custom layers and subclassed models are
            opened: the result is a functional model of what they compute at
            inference, of Keras' layers.
        macs: Maximum multiply-accumulates of the result: a share of the
            model's own if at most 1, else a number. The result is within 2 %
            below it if the layer widths allow. Give exactly one of `macs`,
            `params` and `latency`; 0 counts as not given.
        params: Maximum number of parameters, as a share or a number.
        latency: Maximum time for one image: a share of the model's own if at
            most 1, else milliseconds. Found by bisection over macs, or over
            parameters where macs are not known.
        measure: Function model -> milliseconds, for `latency`.
        image_size: Size of the images that the result takes, if not the
            model's: an int, (height, width) or "auto", the smallest multiple
            of 32 at which all channels take at least 0.95 of the budget
            `macs`, so that few must go (the model's own size for other
            budgets). Smaller photos cost less accuracy than the channels
            would. Budgets stay those of the model at its own size; of a model
            that takes images of any size, they are those at this one, and
            `macs` needs it. `images` are resized. Defaults to `None`.
        importance: "l1", "l2", "random", "taylor", "reconstruction", or a
            function (model, group) -> scores, one per unit, compared across
            groups without rescaling. Defaults to `None`: "taylor" if `images`
            are given, else "l2".
        round_to: Keep channels in multiples of this number; in small groups,
            of the power of two at or below a quarter of the channels. Steps
            are halved if the budget cannot be met otherwise. Default 8.
        exclude: Layers that keep all their channels: names, paths, patterns
            like "block1_*", or layer classes.
        per_layer: Dict from such a name, pattern or class to the share of
            channels that its group keeps. Others keep at least a tenth.
        images: Unlabeled images for "taylor", "reconstruction" and
            `reconstruct`, in any form that `fit` takes; labels are not read. A
            thousand are enough, and they make a much better student.
        reconstruct: Whether to reconstruct the remaining kernels by least
            squares, layer by layer, so that they give the original's outputs
            on `images` (see `tfdcu.pruning.reconstruct`). Needs no labels.
            Default `None`: if `images` are given.
        rounds: Number of pruning steps of equal proportion that lead to the
            budget, at least 1. Each one scores the channels of the model that
            the previous one returned, and takes as long as the first.
            Default `None`: 2 with reconstruction, but 1 without it or with a
            `CachedImportance`.
        seed: Random seed. Default 0.

    Returns:
        A new, smaller `keras.Model`.

    Raises:
        ValueError: If the model cannot be taken apart, or the result is not
            equal to it or cannot be loaded; if not exactly one budget
            is given, an option is unknown, images are missing, the model
            cannot be built at `image_size`, `rounds` is
            below 1 or above 1 with a `CachedImportance`, or the budget
            cannot be met; the message then names the nearest that can. What
            needs no scores is checked before work starts.

    Example:

    >>> student = prune_channels(teacher, macs=0.5)
    """
    check_arguments(
        ("reconstruct", "measure"),
        model=model,
        measure=measure,
        round_to=round_to,
        reconstruct=reconstruct,
        seed=seed,
    )
    check_images(images, reconstruct)
    groups = Groups(model)
    images = images_of(groups, images)
    rounds = num_rounds(rounds, importance, reconstructs(images, reconstruct))
    measure = once_a_model(measure)
    budgets = {"macs": macs, "params": params, "latency": latency}
    if image_size is not None:
        model, budgets = start_at(model, image_size, budgets, measure)
        images = resized_images(images, model.input_shape)
        groups = Groups(model)
    check_channels(
        groups,
        importance=importance,
        exclude=exclude,
        per_layer=per_layer,
        measure=measure,
        **budgets,
    )
    smaller = groups
    for number in range(1, rounds + 1):
        plan = plan_round(
            smaller,
            groups,
            number / rounds,
            measure=measure,
            **budgets,
            importance=importance,
            round_to=round_to,
            exclude=exclude,
            per_layer=per_layer,
            images=images,
            seed=seed,
        )
        smaller = student_of(plan, images, reconstruct, seed)
    return smaller


def num_rounds(rounds, importance, reconstructed):
    """Number of pruning rounds: `rounds`, or its default.

    Args:
        rounds, importance: As in `prune_channels`.
        reconstructed: Whether kernels are reconstructed.

    Returns:
        Int, at least 1.

    Raises:
        ValueError: If `rounds` is below 1, or above 1 with a
            `CachedImportance`, whose scores hold for the first round only.
    """
    cached = isinstance(importance, CachedImportance)
    if rounds is None:
        return ROUNDS if reconstructed and not cached else 1
    check_arguments(rounds=rounds)
    if cached and rounds > 1:
        raise ValueError(
            "Cached scores do not hold for the model after the first round. "
            "Expected: rounds=1, or the name of a criterion as `importance` "
            "instead of the result of `score_channels`. "
            f"Received: rounds={rounds}."
        )
    return rounds


def plan_round(model, original, part, *, measure=None, **options):
    """Plans one round of pruning on the way to the budget.

    A budget that is met already removes nothing. If no selection meets the
    budget of a round before the last, that round removes nothing and the next
    one removes more. Where the widths allow nothing near the last budget, the
    nearest below it is taken, with a warning.

    Args:
        model: The model after the previous rounds, or its `Groups`.
        original: The model before the first round, which shares refer to, or
            its `Groups`.
        part: Progress after this round, in (0, 1]; 1 is the last round.
        measure, **options: As in `plan_channels`.

    Returns:
        A `ChannelPlan`.

    Raises:
        ValueError: As in `plan_channels`.
    """
    budget = budget_of(model, original, options, part, measure)
    (value,) = budget.values()
    if value == 1 and not options.get("per_layer"):
        return plan_of_all(model)
    try:
        plan = plan_channels(
            model, original=original, measure=measure, **options | budget
        )
        if part == 1:
            warn_of_gap(plan.before, plan.after, options, budget)
        return plan
    except (BudgetError, NothingToRemove) as error:
        first = model is original and isinstance(error, NothingToRemove)
        # Small groups may have met the last budget in an earlier round.
        if first or (part == 1 and value != 1):
            raise
        return plan_of_all(model)


def plan_of_all(model):
    """The `ChannelPlan` that keeps all channels."""
    groups = groups_of(model)
    return ChannelPlan(groups, np.ones(groups.num_units, bool))


def student_of(plan, images, reconstruct=None, seed=0, tell=None):
    """Applies a plan and, if asked to, reconstructs the kernels.

    Args:
        plan: A `ChannelPlan`.
        images, reconstruct, seed: As in `prune_channels`.
        tell: As in `tfdcu.pruning.reconstruct`.

    Returns:
        A new, smaller `keras.Model`.
    """
    smaller = plan.apply()
    check_smaller(smaller, plan)
    if reconstructs(images, reconstruct) and not plan.keeps_all:
        reconstruct_kernels(smaller, plan, images, seed=seed, tell=tell)
    return smaller


def reconstructs(images, reconstruct):
    """Whether kernels are reconstructed: `reconstruct`, or its default."""
    return images is not None if reconstruct is None else reconstruct


def check_images(images, reconstruct):
    """Raises if kernels are to be reconstructed without images."""
    if images is None and reconstruct:
        raise ValueError(
            "`reconstruct` needs images. Expected: unlabeled `images`. "
            f"Received: images=None, reconstruct={reconstruct}."
        )


def check_channels(
    model,
    *,
    image_size=None,
    importance=None,
    exclude=(),
    per_layer=None,
    measure=None,
    **options,
):
    """Checks the arguments of `prune_channels` that need no images.

    Args:
        model: A `keras.Model`, or without `image_size` its `Groups`.
        image_size, importance, exclude, per_layer: As in `prune_channels`.
        measure: The same; without it, a latency is not checked.
        **options: Other keywords of `prune_channels`, one of them a budget.

    Raises:
        ValueError: As in `prune_channels`.
    """
    name, value = one_budget({key: options.get(key) for key in BUDGETS})
    image_size = chosen_size(model, image_size, options)
    if image_size is not None and name == "latency" and not measure:
        # Nothing is measured before work starts.
        model = with_size(model, image_size)
    elif image_size is not None:
        model, options = start_at(model, image_size, options, measure)
        name, value = one_budget({key: options.get(key) for key in BUDGETS})
    check_arguments(
        ("reconstruct", "rounds", *BUDGETS),
        **{k: v for k, v in options.items() if k in ARGUMENTS},
    )
    if importance is not None:
        check_importance(importance)
    groups = groups_of(model)
    original_size = original_sizes(groups)
    for node in groups.trace.graph.nodes:
        check_clone(node.op)
    chosen, _, lowest, highest = bounds(
        groups, exclude, {} if per_layer is None else per_layer, original_size
    )
    scores = [np.zeros(group.size) for group in chosen]
    steps = [1] * len(chosen)
    selection = Selection(
        groups.num_units, chosen, scores, lowest, highest, steps
    )
    check_reach(groups, selection, name, value, measure)


def plan_channels(
    model,
    *,
    macs=None,
    params=None,
    latency=None,
    measure=None,
    importance=None,
    round_to=8,
    exclude=(),
    per_layer=None,
    images=None,
    original=None,
    seed=0,
):
    """Selects the channels to keep, without building the smaller model.

    Use it to print a table of what will be removed and why the rest is kept,
    or to look up which channels of the teacher each student layer has.

    Args:
        model: A `keras.Model`, or its `Groups`.
        macs, params, latency, measure, importance, round_to, exclude,
        per_layer, images, seed: As in `prune_channels`.
        original: The model that `model` was pruned from; `round_to` and
            `per_layer` then refer to its channels, the budget to `model`.
            Defaults to `None`: `model` itself.

    Returns:
        A `ChannelPlan`; `plan.apply()` is the smaller model.

    Raises:
        ValueError: As in `prune_channels`.

    Example:

    >>> plan = plan_channels(teacher, macs=0.5)
    >>> print(plan.table())
    >>> student, keep = plan.apply(), plan.keep
    """
    name, value = one_budget(
        {"macs": macs, "params": params, "latency": latency}
    )
    check_arguments(("measure",), measure=measure, round_to=round_to, seed=seed)
    if importance is not None:
        check_importance(importance)
    groups = groups_of(model)
    images = images_of(groups, images)
    pruned = original is not None and original is not model
    original_groups = groups_of(original) if pruned else groups
    original_size = original_sizes(original_groups)
    chosen, reasons, lowest, highest = bounds(
        groups, exclude, {} if per_layer is None else per_layer, original_size
    )
    importance = importance or default_importance(images)
    scores = score_groups(groups, chosen, importance, images, seed)
    if getattr(importance, "name", importance) in PER_COST:
        scores = per_cost(scores, groups, chosen, cost_of(groups, name))
    steps = [step_of(original_size(g), g.width, round_to) for g in chosen]
    selection = Selection(
        groups.num_units, chosen, scores, lowest, highest, steps
    )
    kept = meet_budget(groups, selection, name, value, measure, original_groups)
    return ChannelPlan(groups, kept, reasons)


def original_sizes(groups):
    """Number of units that each group had before pruning.

    Args:
        groups: The `Groups` of the original model.

    Returns:
        A function from a `ChannelGroup` of the smaller model to an int; for a
        group that the original does not have, its own size.
    """
    sizes = {group.name: group.size for group in groups.all}
    return lambda group: max(sizes.get(group.name, 0), group.size)
