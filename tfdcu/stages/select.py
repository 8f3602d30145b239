"""The pool of a run: all of it, or what its section `select` chooses."""

import dataclasses

from tfdcu.pool.criteria import check_enough
from tfdcu.pool.select import check_selection
from tfdcu.pool.select import select_pool
from tfdcu.report import format_selection


def select(run):
    """Keep of the pool what the section `select` asks for; by default all.

    Args:
        run: A `Run`; its `splits` and `selection` are changed.
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
    """A run's selection, ready for JSON.

    Args:
        teacher: The teacher.
        splits: `tfdcu.data.Splits`.
        seed: As in `select_pool`.
        by, keep, drop_junk: As in `select_pool`.

    Returns:
        Dict of `keep`, list of ints, and `found`, as `select_pool` gives
        them.

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


def check_chosen(splits, *, by=None, keep=None, drop_junk=True):
    """Raise what `choose_pool` would, as far as that is known beforehand.

    Args:
        splits, by, keep, drop_junk: As in `choose_pool`.

    Raises:
        ValueError: The first that is found.
    """
    del drop_junk
    if by is None:
        return
    check_selection(by, keep, splits.labeled)
    splits.unlabeled.check_order("nothing can be chosen of it")
    if splits.labeled is not None:
        check_enough(by, splits.labeled.num_images, splits.unlabeled.num_images)
