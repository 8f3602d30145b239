"""Importance that is asked for once and serves many budgets."""

from tfdcu.pruning.groups import Groups
from tfdcu.pruning.scores import default_importance
from tfdcu.pruning.scores import score_groups


class KnownImportance:
    """Scores of one model by one criterion; see `importance_of`.

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
                "model that `importance_of` was given. Received: "
                f"{model.name!r} with another group {group.name!r}."
            )
        return scores


def importance_of(model, images=None, *, importance=None, seed=0):
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
        A `KnownImportance`, for the `importance` of `prune_channels`: the
        result is that of the name.

    Raises:
        ValueError: As in `prune_channels`.

    Example:

    >>> known = importance_of(teacher, pool_images)
    >>> students = [
    ...     prune_channels(teacher, macs=share, importance=known)
    ...     for share in (0.25, 0.5, 0.75)
    ... ]
    """
    name = importance or default_importance(images)
    groups = Groups(model)
    free = [group for group in groups.all if group.prunable]
    scores = score_groups(groups, free, name, images, seed)
    return KnownImportance(
        name, {int(group.units[0]): s for group, s in zip(free, scores)}
    )
