"""Scores of all groups by the name of a criterion, or by the user's own."""

import numpy as np

from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.reconstruction import reconstruction
from tfdcu.pruning.importance.taylor import taylor
from tfdcu.pruning.importance.weights import BY_WEIGHTS
from tfdcu.pruning.importance.weights import RELATIVE
from tfdcu.pruning.importance.weights import random_scores

BY_IMAGES = {"taylor": taylor, "reconstruction": reconstruction}
IMPORTANCES = (*BY_WEIGHTS, "random", *BY_IMAGES)
# A divergence of the outputs in nats: what counts across groups is how many
# of them are lost for what is saved. The others have no unit.
PER_COST = ("taylor",)


def default_importance(images):
    """The best criterion of `benchmarks/channels/accuracy.md` that can be had.

    Args:
        images: Unlabeled images, or `None`.

    Returns:
        A name.
    """
    return "l2" if images is None else "taylor"


def check_importance(importance):
    """Raises if it is neither a function nor the name of a criterion."""
    if not callable(importance) and importance not in IMPORTANCES:
        raise ValueError(
            "The criterion is unknown. Expected a function (model, group) -> "
            f"scores or one of {', '.join(IMPORTANCES)}. "
            f"Received: importance={importance!r}."
        )


def per_cost(scores, groups, chosen, cost):
    """Scores over what a unit of each group costs, as a greedy knapsack has it.

    Args:
        scores: List of float arrays.
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`, as many.
        cost: Function of a kept array.

    Returns:
        List of float arrays. The cost of a unit is the mean over half of its
        group, while all other groups are whole.
    """
    everything = np.ones(groups.num_units, bool)
    full = cost(everything)
    weighed = []
    for score, group in zip(scores, chosen):
        num = max(1, group.size // 2)
        kept = everything.copy()
        kept[group.units[:num]] = False
        saved = (full - cost(kept)) / num
        weighed.append(score / max(saved, 1e-9 * full))
    return weighed


def score_groups(groups, chosen, importance, images=None, seed=0):
    """Scores the units of groups; high ones are important.

    Args:
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`.
        importance: A name or a function (model, group) -> scores.
        images: Unlabeled images, for the criteria that look at data.
        seed: Seed of "random" and of what is sampled.

    Returns:
        List of float arrays, one score a unit. Those of criteria by weights
        are divided by their mean in each group, which makes them comparable.

    Raises:
        ValueError: If the name is unknown, images are missing, or scores are
            not finite numbers, one a unit.
    """
    check_importance(importance)
    model = groups.trace.graph.model
    if callable(importance):
        function = importance
    elif importance == "random":
        function = random_scores(seed)
    elif importance in BY_WEIGHTS:
        function = BY_WEIGHTS[importance]
    else:
        if images is None:
            raise ValueError(
                f"The criterion {importance!r} looks at data. Expected "
                "unlabeled `images`. Received: images=None."
            )
        function = BY_IMAGES[importance](groups, chosen, images, seed)
    scores = []
    for group in chosen:
        score = np.asarray(function(model, group), "float64")
        if score.shape != (group.size,) or not np.isfinite(score).all():
            raise ValueError(
                "The criterion gives no usable scores. Expected one finite "
                f"number for each of the {group.size} units of group "
                f"{group.name!r}. Received: shape {score.shape}, finite: "
                f"{bool(np.isfinite(score).all())}."
            )
        if isinstance(importance, str) and importance in RELATIVE:
            score = score / max(score.mean(), 1e-12)
        scores.append(score)
    return scores


class CachedImportance:
    """Scores of one model by one criterion; see `score_channels`.

    Args:
        name: The criterion.
        scores: Dict from the number of a group's first unit to its scores.
    """

    def __init__(self, name, scores):
        self.name = name
        self.scores = scores

    def __call__(self, model, group):
        scores = self.scores.get(int(group.units[0]), ())
        if len(scores) != group.size:
            raise ValueError(
                "The importance is that of another model. Expected: the "
                "model that `score_channels` was given. Received: "
                f"{model.name!r} with another group {group.name!r}."
            )
        return scores


def score_channels(model, images=None, *, importance=None, seed=0):
    """Scores a model's channels once, to prune it to many budgets.

    Use it where the same model is pruned again and again, as in a search: a
    criterion that looks at images takes longer than all the rest.

    Args:
        model: As in `prune_channels`.
        images: As in `prune_channels`.
        importance: A name, as in `prune_channels`. Defaults to `None`:
            "taylor" where there are `images`, else "l2".
        seed: Seed of everything random.

    Returns:
        A `CachedImportance`, for the `importance` of `prune_channels`: the
        result is that of the name.

    Raises:
        ValueError: As in `prune_channels`.

    Example:

    >>> known = score_channels(teacher, pool_images)
    >>> students = [
    ...     prune_channels(teacher, macs=share, importance=known)
    ...     for share in (0.25, 0.5, 0.75)
    ... ]
    """
    name = importance or default_importance(images)
    groups = Groups(model)
    free = [group for group in groups.all if group.prunable]
    scores = score_groups(groups, free, name, images, seed)
    return CachedImportance(
        name, {int(group.units[0]): s for group, s in zip(free, scores)}
    )
