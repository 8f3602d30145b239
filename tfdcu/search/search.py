"""The search: trials, their front, and its students trained in full."""

import gc
import json
import os

import keras

from tfdcu.report import front_figure
from tfdcu.report import front_table
from tfdcu.search.space import check_names
from tfdcu.search.trials import Trials
from tfdcu.search.winners import retrain
from tfdcu.search.winners import winners
from tfdcu.search.winners import with_front
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.fingerprint import fingerprint
from tfdcu.workdir.fingerprint import fingerprint_of
from tfdcu.workdir.fingerprint import versions
from tfdcu.workdir.workdir import Workdir


def search(
    teacher,
    labeled,
    unlabeled,
    *,
    workdir,
    space,
    max_trials=20,
    tuner="BayesianOptimization",
    cost="macs",
    quality=None,
    limits=None,
    pool_share=1.0,
    epochs_share=1.0,
    max_winners=5,
    tradeoff=0.01,
    student=None,
    validation=None,
    test=None,
    data=None,
    batches=None,
    select=None,
    channels=None,
    targets=None,
    sparsity=None,
    transfer=None,
    training=None,
    reestimate=None,
    export=None,
    seed=0,
):
    """Find the students that nothing beats in both quality and cost.

    Use it when you do not know how much to prune or how to train. Any field
    of a section of the config can be searched. Each trial prunes the teacher,
    is refused at once if its size or speed breaks a limit, trains, perhaps
    for a share of the epochs on a share of the pool, and is judged on images
    that no training saw. The best of them along the front are then trained in
    full by `tfdcu.compress`, each in its own folder, and the front is drawn
    again from those. Test images are read at the end only, and choose nothing.

    The search runs on keras-tuner; its project is `workdir/trials`. The first
    trial is the config as it stands, as far as the space holds it (Hyperband
    draws all of its trials). Killed and started again it goes on: finished
    trials are not repeated, the one that was interrupted continues from its
    last epoch. With more `max_trials` a finished search goes on as well. A
    trial that fails is recorded with its reason.

    On many machines, start the same command everywhere with one shared
    `workdir` and keras-tuner's variables: `KERASTUNER_TUNER_ID` (`chief` for
    the one that hands out the trials, any other name of its own for each
    worker), `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT` (the
    chief's). A worker that has been silent for a minute is given up and its
    trial given to another. The chief trains the winners.

    Args:
        teacher, labeled, unlabeled, student: As in `tfdcu.compress`.
        validation, test, data, batches: As in `tfdcu.compress`. Without
            validation images and without `data.pool_validation` a tenth of
            the pool is held out.
        channels, sparsity, transfer, training, reestimate, export: As in
            `tfdcu.compress`.
        select: As in `tfdcu.compress`; a trial's share of the pool is one of
            what is kept.
        targets: As in `tfdcu.compress`; all trials share those of the same
            views.
        workdir: Folder of the search.
        space: Dict from section to dict from field to values, such as
            `{"channels": {"macs": (0.1, 0.8)}}`, or flat, with
            `"channels.macs"` as key. A tuple is a range: `(low, high)`,
            `(low, high, "log")` or `(low, high, step)`; whole numbers give
            whole numbers. A list is a choice among its values. A searched
            budget replaces the one that stands in `channels`.
        max_trials: Int, refused and failed ones included. Defaults to 20.
        tuner: `"RandomSearch"`, `"BayesianOptimization"`, `"Hyperband"` or
            `"GridSearch"`. Defaults to `"BayesianOptimization"`.
        cost: `"macs"`, `"params"`, `"bytes"` or `"latency_ms"`: what quality
            is weighed against. The last two are measured on the LiteRT file
            of the first of `export.formats`, by default float32; the file is
            then what is judged, too. Defaults to `"macs"`.
        quality: `"accuracy"` on the validation images, or `"agreement"` with
            the teacher on held-out images of the pool, which needs no label.
            Defaults to `None`: accuracy where there are validation images.
        limits: Optional dict from a cost to the most that a student may
            have: `{"bytes": 200_000, "latency_ms": 2.0}`.
        pool_share: Float in (0, 1], the share of the pool that trials train
            on. Defaults to 1.
        epochs_share: Float in (0, 1], the share of `training.epochs` that
            trials train for. Defaults to 1.
        max_winners: Int, how many of the front are trained in full at most.
            Defaults to 5.
        tradeoff: Float, at least 0: the quality that halving the cost is worth.
            The tuners that learn from trials maximize quality - tradeoff *
            log2(cost / the teacher's); it also chooses one student of the
            front. Defaults to 0.01, one point.
        seed: Int; equal seeds give equal trials (as long as nothing that is
            measured in milliseconds decides).

    Returns:
        The record that is also in `workdir/front.json`: `teacher`, `trials`,
        `students` (those trained in full, with `on_front` and their files),
        `chosen`, `seconds` ... A worker returns `None`.

    Raises:
        ValueError: If an argument does not fit, before the first trial; if
            the workdir holds another search; or if no trial finished.

    Example:

    >>> found = tfdcu.search(
    ...     "teacher.keras", "folder:labeled", "folder:pool",
    ...     workdir="runs/search",
    ...     space={"channels": {"macs": (0.1, 0.8)},
    ...            "transfer": {"temperature": [1.0, 2.0, 4.0]}},
    ...     cost="latency_ms", limits={"bytes": 200_000},
    ... )
    """
    from tfdcu.search.tuners import TUNERS
    from tfdcu.search.tuners import is_distributed

    check_search(max_trials, max_winners, tuner, TUNERS)
    trials = Trials(
        teacher,
        labeled,
        unlabeled,
        space=space,
        student=student,
        validation=validation,
        test=test,
        cost=cost,
        quality=quality,
        limits=limits,
        pool_share=pool_share,
        epochs_share=epochs_share,
        tradeoff=tradeoff,
        folder=workdir,
        seed=seed,
        data=data,
        batches=batches,
        select=select,
        channels=channels,
        targets=targets,
        sparsity=sparsity,
        transfer=transfer,
        training=training,
        reestimate=reestimate,
        export=export,
    )
    trials.check()
    identity = {
        **trials.config,
        "teacher": fingerprint(trials.teacher),
        "student": trials.student and fingerprint(trials.student),
        **{name: fingerprint_of(one) for name, one in trials.sources.items()},
        "images": trials.whole(trials.config).describe(),
        "space": {leaf.name: repr(leaf) for leaf in trials.leaves},
        "tuner": tuner,
        "cost": cost,
        "limits": limits,
        "pool_share": pool_share,
        "epochs_share": epochs_share,
        "quality": trials.objective.quality,
        "tradeoff": tradeoff,
    }
    run = Workdir(workdir, identity, versions())
    record = run.read_json("front.json")
    sizes = {"max_trials": max_trials, "max_winners": max_winners}
    if record and all(record[name] == size for name, size in sizes.items()):
        print(f"This search is finished.\n{front_table(record)}")
        return record
    with run.stage("trials"):
        outcomes = all_trials(run, trials, max_trials, tuner)
    if outcomes is None:
        return None
    finished = [one for one in outcomes if one["status"] == "finished"]
    if not finished:
        raise ValueError(
            "No trial finished. Expected: a space and limits that some "
            "student can meet. Received: "
            + "; ".join(f"{o['trial']}: {o['reason']}" for o in outcomes)
        )
    with run.stage("full"):
        students = [
            retrain(run, trials, one)
            for one in winners(trials.objective, finished, max_winners)
        ]
    seconds = run.seconds()
    record = {
        **sizes,
        "tuner": tuner,
        "quality": trials.objective.quality,
        "cost": cost,
        "limits": trials.objective.limits,
        "tradeoff": tradeoff,
        "seed": seed,
        "space": identity["space"],
        "teacher": trials.objective.teacher_row(trials.splits(trials.config)),
        "trials": outcomes,
        "students": with_front(trials.objective, students),
        "seconds": {**seconds, **spent(outcomes, seconds, is_distributed())},
        "versions": run.versions,
    }
    return written(run, record)


def check_search(max_trials, max_winners, tuner, tuners):
    """Raise the error of the first of a search's own arguments that is off."""
    check_names("tuner", [tuner], tuners)
    check_arguments(max_trials=max_trials, max_winners=max_winners)


def all_trials(run, trials, max_trials, tuner):
    """The outcomes of all trials, or `None` in a worker."""
    from tfdcu.search.hypermodel import StudentHyperModel
    from tfdcu.search.tuners import is_chief
    from tfdcu.search.tuners import is_distributed
    from tfdcu.search.tuners import make_tuner
    from tfdcu.search.tuners import read_outcomes

    epochs = trials.short({})["training"]["epochs"]
    made = make_tuner(
        tuner,
        StudentHyperModel.of(trials),
        max_trials=max_trials,
        max_epochs=epochs,
        folder=run.path / "trials",
        seed=trials.config["seed"],
    )
    logs = keras.callbacks.TensorBoard(
        run.path / "logs" / "trials", write_graph=False
    )
    # Each trial ends with full garbage collections, of two tenths of a second
    # each where they walk through the libraries.
    gc.collect()
    gc.freeze()
    try:
        made.search(callbacks=[logs])
    finally:
        gc.unfreeze()
    if is_distributed() and not is_chief():
        print(f"{os.environ['KERASTUNER_TUNER_ID']}: no trial is left.")
        return None
    return read_outcomes(run.path / "trials")


def spent(outcomes, seconds, distributed):
    """How much of the trials' time was training, and how much was not."""
    training = sum(
        one["metrics"].get("train_seconds", 0.0)
        for one in outcomes
        if "same_as" not in one
    )
    total = seconds["trials"]
    if distributed:
        total = sum(one["seconds"] for one in outcomes)
    return {
        "training": round(training, 2),
        "not_training_share": round(1 - training / total, 4),
    }


def written(run, record):
    """Write table, picture and record; the record as it will be read."""
    table = front_table(record)
    with atomic_write(run.path / "front.md") as (beside,):
        beside.write_text(table + "\n", "utf-8")
    with atomic_write(run.path / "front.png") as (beside,):
        beside.write_bytes(front_figure(record))
    run.write_json("front.json", record)
    print(f"\n{table}\n\nThe front as a picture: {run.path / 'front.png'}")
    return json.loads(json.dumps(record))
