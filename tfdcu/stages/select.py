"""The stage that chooses a part of the pool, if the config asks for it."""

import dataclasses

from tfdcu.pool.criteria import check_enough
from tfdcu.pool.select import check_selection
from tfdcu.pool.select import select_pool
from tfdcu.report import format_selection


def select(run):
    """Keep the part of the pool that `select` describes; by default all.

    Args:
        run: A `Run`; its `splits` and `selection` are set.
    """
    options = run.config["select"]
    if options.get("by") is None:
        return
    chosen = run.cached_json(
        "selection.json",
        lambda: choose_pool(run.teacher, run.splits, run.seed, **options),
    )
    pool = run.splits.unlabeled.subset(chosen["keep"])
    run.splits = dataclasses.replace(run.splits, unlabeled=pool)
    run.selection = chosen["found"]
    run.say(format_selection(run.selection))


def choose_pool(teacher, splits, seed=0, *, by=None, keep=None, drop_junk=True):
    """The selection of a run as JSON, see `select_pool`.

    Args:
        teacher: The teacher.
        splits: `tfdcu.data.Splits`.
        seed: As in `select_pool`.
        by, keep, drop_junk: As in `select_pool`.

    Returns:
        Dict of `keep`, a list of indices, and `found`, both as returned by
        `select_pool`.

    Raises:
        ValueError: As in `select_pool`.
    """
    kept, found = select_pool(
        teacher,
        splits.labeled,
        splits.unlabeled,
        by=by,
        keep=keep,
        drop_junk=drop_junk,
        seed=seed,
    )
    return {"keep": kept.tolist(), "found": found}


def check_select(splits, *, by=None, keep=None, drop_junk=True):
    """Raise the errors of `choose_pool` that need no work to find.

    Args:
        splits, by, keep, drop_junk: As in `choose_pool`.

    Raises:
        ValueError: For the first invalid option.
    """
    del drop_junk
    if by is None:
        return
    check_selection(by, keep, splits.labeled)
    splits.unlabeled.check_order("nothing can be chosen from it")
    if splits.labeled is not None:
        check_enough(by, splits.labeled.num_images, splits.unlabeled.num_images)
