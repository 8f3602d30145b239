"""The stage that stores the teacher's targets, if the config asks for it."""

import inspect

from tfdcu.pool.targets import check_numbers
from tfdcu.pool.targets import checked_top_k
from tfdcu.pool.targets import teacher_targets


def store_targets(run):
    """Store the teacher's targets before training, if `targets.views` > 0.

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
    shared=None,
):
    """The stored targets of a run, or `None` without views to store.

    Args:
        teacher: The teacher.
        splits: `tfdcu.data.Splits`.
        folder: Folder for the targets, each in a folder of its own.
        config: Dict from section to dict; `seed` and `augment` of `batches`
            are used.
        views: Number of views stored for each image. With 0 the teacher runs
            in every training step, on fresh views. Without augmentation an
            image has one view, which any number above 0 stores. Defaults to 0.
        labeled_views: Number of views stored for each labeled image. Defaults
            to `None`, the same as `views`.
        mirror, top_k: As in `teacher_targets`.
        shared: Path of another folder for the targets. Runs that name the
            same folder reuse each other's targets. Defaults to `None`.

    Returns:
        Pair of targets for the labeled images (`None` if there are none) and
        for the pool, as `training_batches` takes them; or `None`.

    Raises:
        ValueError: As in `teacher_targets`.
    """
    if not views:
        return None

    def of(source, views):
        return source and teacher_targets(
            teacher,
            source.without_labels(),
            shared or folder,
            shared=True,
            views=views,
            augment=config["batches"].get("augment"),
            mirror=mirror,
            top_k=top_k,
            batch_size=source.at_once(),
            seed=config["seed"],
        )

    number = view_counts(config)
    labeled = of(splits.labeled, number["labeled_views"])
    return labeled, of(splits.unlabeled, number["views"])


def check_targets(config, answer=None):
    """Raise if a field of `targets` is out of range.

    Args:
        config: Dict from section to dict.
        answer: The `Answer` of the teacher's only output. Defaults to `None`:
            there are several, of which none are stored.
    """
    fields = inspect.signature(make_targets).bind_partial(**config["targets"])
    fields.apply_defaults()
    options = fields.arguments
    if not options["views"]:
        if options["labeled_views"] is not None or options["mirror"]:
            raise ValueError(
                "There are no views to store. Expected: targets.views above "
                "0, or neither `labeled_views` nor `mirror`. Received: "
                f"views={options['views']!r}, "
                f"labeled_views={options['labeled_views']!r}, "
                f"mirror={options['mirror']!r}"
            )
        return
    *places, classes = answer.shape
    if places:
        raise ValueError(
            "The answers for each position of a map are not stored. Expected: "
            "targets.views=0, with which the teacher runs in every step. "
            f"Received: views={options['views']!r} for a teacher with outputs "
            f"of shape {answer.shape}"
        )
    for number in view_counts(config).values():
        check_numbers(number, config["batches"].get("augment"))
    checked_top_k(options["top_k"], classes, answer.several_labels)


def view_counts(config):
    """Number of stored views; one if all views of an image are the same.

    Returns:
        Dict of `views` and `labeled_views`, for `training_batches`.
    """
    views = config["targets"].get("views", 0)
    labeled = config["targets"].get("labeled_views")
    labeled = views if labeled is None else labeled
    if not config["batches"].get("augment"):
        labeled, views = min(labeled, 1), min(views, 1)
    return {"views": views, "labeled_views": labeled}
