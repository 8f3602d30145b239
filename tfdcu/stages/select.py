"""The pool of a run: all of it, or what its section `select` chooses."""

import dataclasses

from tfdcu.pool.criteria import check_enough
from tfdcu.pool.outputs import check_layer
from tfdcu.pool.select import check_selection
from tfdcu.pool.select import select_pool


def chosen_pool(
    teacher, splits, *, by=None, keep=None, drop_junk=True, layer=None, seed=0
):
    """A run's selection, ready for JSON, or `None` where all is kept.

    Args:
        teacher: The teacher.
        splits: `tfdcu.data.Splits`.
        by: As in `select_pool`; `None` keeps the whole pool and asks nobody.
        keep, drop_junk, layer, seed: As in `select_pool`.

    Returns:
        Dict of `keep`, list of ints, and `found`, as `select_pool` gives
        them; or `None`.

    Raises:
        ValueError: As in `select_pool`.
    """
    if by is None:
        return None
    kept, found = select_pool(
        teacher,
        splits.labeled,
        splits.unlabeled,
        by=by,
        keep=keep,
        drop_junk=drop_junk,
        layer=layer,
        seed=seed,
    )
    return {"keep": kept.tolist(), "found": found}


def with_pool(splits, chosen):
    """The splits with what `chosen_pool` gave as the pool to train on."""
    if chosen is None:
        return splits
    pool = splits.unlabeled.subset(chosen["keep"])
    return dataclasses.replace(splits, unlabeled=pool)


def check_chosen(
    teacher, splits, *, by=None, keep=None, drop_junk=True, layer=None
):
    """Raise what `chosen_pool` would, as far as that is known beforehand.

    Args:
        teacher, splits, by, keep, drop_junk, layer: As in `chosen_pool`.

    Raises:
        ValueError: The first that is found.
    """
    del drop_junk
    if by is None:
        return
    check_selection(by, keep, splits.labeled)
    splits.unlabeled.check_order("nothing can be chosen of it")
    if layer is not None:
        check_layer(teacher, layer)
    if splits.labeled is not None:
        check_enough(by, splits.labeled.num_images, splits.unlabeled.num_images)
