"""The targets of a run: what its config says of them, made once and kept."""

import inspect

from tfdcu.pool.targets import check_numbers
from tfdcu.pool.targets import checked_top_k
from tfdcu.pool.targets import teacher_targets

# Fields of `batches` that say how images of the pool are mixed.
MIXING = ("mix", "mix_share")


def store_targets(run):
    """Ask the teacher once, before training, if views are to be stored.

    Args:
        run: A `Run`; its `targets` are set.
    """
    run.targets = make_targets(
        run.teacher,
        run.splits,
        run.folder / "targets",
        run.config,
        **run.config["targets"],
    )


def make_targets(
    teacher,
    splits,
    folder,
    config,
    *,
    views=0,
    labeled_views=None,
    mirror=False,
    top_k=None,
    batch_size=256,
    shared=None,
):
    """The targets of a run, made once, or `None` where the teacher is asked.

    Args:
        teacher: The teacher.
        splits: `tfdcu.data.Splits`.
        folder: Where the targets go, each in a folder of its own.
        config: Dict from section to dict, for `seed` and what `batches` says
            of `augment` and `mix`.
        views: How many views of each image are stored; 0 asks the teacher in
            every step, about fresh views. Where nothing is augmented or mixed
            there is one view of each image, and any number above 0 stores it.
            Defaults to 0.
        labeled_views: How many of each labeled image, where views are stored.
            Defaults to `None`, as many as of the others.
        mirror, top_k, batch_size: As in `teacher_targets`.
        shared: Path of a folder to put them in instead. Runs that name the
            same one do not ask the teacher again what another has asked.
            Defaults to `None`.

    Returns:
        A pair, of the labeled images (`None` if there are none) and of the
        pool, for `training_batches`; or `None`.

    Raises:
        ValueError: As in `teacher_targets`.
    """
    if not views:
        return None

    batches = config["batches"]
    augment = batches.get("augment")

    def of(source, views, **mixing):
        return source and teacher_targets(
            teacher,
            source.without_labels(),
            shared or folder,
            shared=True,
            views=views,
            augment=augment,
            mirror=mirror,
            top_k=top_k,
            batch_size=batch_size,
            seed=config["seed"],
            **mixing,
        )

    number = view_counts(config)
    mixing = {key: batches[key] for key in MIXING if key in batches}
    return of(splits.labeled, number["labeled_views"]), of(
        splits.unlabeled,
        number["views"],
        partners=splits.labeled,
        **mixing,
    )


def check_targets(config, classes):
    """Raise the error of the first field of `targets` that is out of range."""
    fields = inspect.signature(make_targets).bind_partial(**config["targets"])
    fields.apply_defaults()
    asked, batches = fields.arguments, config["batches"]
    if not asked["views"]:
        if asked["labeled_views"] is not None or asked["mirror"]:
            raise ValueError(
                "There are no views to store. Expected: targets.views above "
                "0, or neither `labeled_views` nor `mirror`. Received: "
                f"views={asked['views']!r}, "
                f"labeled_views={asked['labeled_views']!r}, "
                f"mirror={asked['mirror']!r}"
            )
        return
    for name, number in view_counts(config).items():
        check_numbers(
            number,
            batches.get("augment"),
            asked["batch_size"],
            mix=batches.get("mix") if name == "views" else None,
        )
    checked_top_k(asked["top_k"], classes)


def view_counts(config):
    """How many views a config asks for: one where all of them are the same.

    Returns:
        Dict of `views` and `labeled_views`, for `training_batches`. Labeled
        images are not mixed, so without `augment` they have one view.
    """
    views = config["targets"].get("views", 0)
    labeled = config["targets"].get("labeled_views")
    labeled = views if labeled is None else labeled
    batches = config["batches"]
    if not batches.get("augment"):
        labeled = min(labeled, 1)
        views = views if batches.get("mix") else min(views, 1)
    return {"views": views, "labeled_views": labeled}
