"""Scores all groups by a named criterion or the user's function."""

import numpy as np

from tfdcu.graph.images import images_for
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.reconstruction import reconstruction
from tfdcu.pruning.importance.taylor import taylor
from tfdcu.pruning.importance.weights import BY_WEIGHTS
from tfdcu.pruning.importance.weights import random_scores
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

BY_IMAGES = {"taylor": taylor, "reconstruction": reconstruction}
IMPORTANCES = (*BY_WEIGHTS, "random", *BY_IMAGES)
# Most images that pruning uses, of what can be read only once.
MOST_IMAGES = 1024
# Criteria whose scores are a divergence in nats, which is compared across
# groups per unit of cost saved. Other scores have no physical unit.
PER_COST = ("taylor",)


def default_importance(images):
    """Best criterion of `benchmarks/channels/accuracy.md` for these arguments.

    Args:
        images: Unlabeled images, or `None`.

    Returns:
        Name of the criterion.
    """
    return "l2" if images is None else "taylor"


def images_of(groups, images, **options):
    """Images for a model that is pruned, in any form that `fit` takes.

    Args:
        groups: The `Groups` of the model; an opened model knows its inputs,
            whatever the given one is.
        images, **options: As in `images_for`.

    Returns:
        As `images_for`.

    Raises:
        ValueError: As in `images_for`.
    """
    with naming("images"):
        return images_for(
            groups.trace.graph.model, images, **{"limit": MOST_IMAGES} | options
        )


def check_importance(importance):
    """Raises if `importance` is neither a function nor a known name."""
    if not callable(importance) and importance not in IMPORTANCES:
        raise ValueError(
            "Unknown criterion. Expected: a function (model, group) -> "
            f"scores, or one of {', '.join(IMPORTANCES)}. "
            f"Received: importance={importance!r}."
        )


def per_cost(scores, groups, chosen, cost):
    """Divides scores by the cost of a unit, as in a greedy knapsack.

    Args:
        scores: List of float arrays, one per group.
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`, in the same order.
        cost: Function of a kept array.

    Returns:
        List of float arrays. The cost of a unit is the mean over half of its
        group, with all other groups unpruned.
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
    """Scores the units of each group; high means important.

    Args:
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`.
        importance: A name or a function (model, group) -> scores.
        images: Unlabeled images, for "taylor" and "reconstruction".
        seed: Seed of "random" and of sampling.

    Returns:
        List of float arrays, one score per unit. Scores of weight criteria
        are divided by their mean in each group, which makes groups
        comparable.

    Raises:
        ValueError: If the name is unknown, images are missing, or the scores
            are not one finite number per unit.
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
                f"The criterion {importance!r} needs images. Expected: "
                "unlabeled `images`. Received: images=None."
            )
        function = BY_IMAGES[importance](groups, chosen, images, seed)
    scores = []
    for group in chosen:
        score = np.asarray(function(model, group), "float64")
        if score.shape != (group.size,) or not np.isfinite(score).all():
            raise ValueError(
                "The criterion returned invalid scores. Expected: one finite "
                f"number for each of the {group.size} units of group "
                f"{group.name!r}. Received: shape {score.shape}, finite: "
                f"{bool(np.isfinite(score).all())}."
            )
        if isinstance(importance, str) and importance in BY_WEIGHTS:
            # Means differ between groups for reasons other than importance.
            score = score / max(score.mean(), 1e-12)
        scores.append(score)
    return scores


class CachedImportance:
    """Scores of one model by one criterion, made by `score_channels`.

    Args:
        name: Name of the criterion, or the user's function.
        scores: Dict from the id of a group's first unit to its scores.
    """

    def __init__(self, name, scores):
        self.name = name
        self.scores = scores

    def __call__(self, model, group):
        scores = self.scores.get(int(group.units[0]), ())
        if len(scores) != group.size:
            raise ValueError(
                "The scores are those of another model. Expected: the "
                "model that `score_channels` was called with. Received: "
                f"{model.name!r} with a different group {group.name!r}."
            )
        return scores


def score_channels(model, images=None, *, importance=None, seed=0):
    """Scores a model's channels once, to prune it to several budgets.

    Use it if the same model is pruned many times, as in a search: with
    "taylor" or "reconstruction", scoring takes most of the time.

    Args:
        model: As in `prune_channels`.
        images: As in `prune_channels`.
        importance: A name, as in `prune_channels`. Defaults to `None`:
            "taylor" if `images` are given, else "l2".
        seed: Random seed. Default 0.

    Returns:
        A `CachedImportance` to pass as `importance` to `prune_channels`; the
        result is the same as with the name.

    Raises:
        ValueError: As in `prune_channels`.

    Example:

    >>> scores = score_channels(teacher, pool_images)
    >>> students = [
    ...     prune_channels(teacher, macs=share, importance=scores)
    ...     for share in (0.25, 0.5, 0.75)
    ... ]
    """
    check_arguments(model=model, seed=seed)
    name = importance or default_importance(images)
    check_importance(name)
    groups = Groups(model)
    images = images_of(groups, images)
    free = [group for group in groups.all if group.prunable]
    scores = score_groups(groups, free, name, images, seed)
    return CachedImportance(
        name, {int(group.units[0]): s for group, s in zip(free, scores)}
    )
