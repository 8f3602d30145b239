"""The search: run trials, then train the best students in full."""

import contextlib
import gc
import json
import os

import keras

from tfdcu.compress import compress
from tfdcu.renamed import refuse_renamed
from tfdcu.report import front_figure
from tfdcu.report import front_table
from tfdcu.search.space import check_names
from tfdcu.search.trials import Trials
from tfdcu.search.winners import retrain
from tfdcu.search.winners import winners
from tfdcu.search.winners import with_front
from tfdcu.stages.config import option_names
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.console import console
from tfdcu.workdir.fingerprint import versions
from tfdcu.workdir.own_files import lock_folder
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
    seed=0,
    verbose=1,
    **options,
):
    """Search for the students with the best tradeoff of quality and cost.

    Use it when you do not know how much to prune or how to train. Any field
    of a section of the config can be searched. Each trial prunes the teacher,
    stops if the student exceeds a limit, trains it, optionally for a share of
    the epochs on a share of the pool, and measures it on held-out images. The
    best trials, those on the Pareto front, are then trained in full by
    `tfdcu.compress`, each in its own folder, and give the final front. Test
    images are evaluated at the end only and do not affect any choice.

    The search runs on keras-tuner, with its project in `workdir/trials`. The
    first trial uses the values of the config, if the space includes them
    (except with Hyperband). A killed search continues when it is called again:
    finished trials are not repeated, an interrupted one continues from its
    last epoch. A finished search continues with a larger `max_trials`. Failed
    trials are recorded with the reason.

    To use several machines, start the same command on each with one shared
    `workdir` and keras-tuner's variables: `KERASTUNER_TUNER_ID` (`chief` on
    the machine that creates the trials, another unique name on each worker),
    `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT` (those of the chief).
    The trial of a worker that is silent for a minute goes to another worker.
    The chief trains the winners.

    Args:
        teacher, labeled, unlabeled: As in `tfdcu.compress`.
        workdir: Folder of the search.
        space: Dict from section to dict from field to values, such as
            `{"channels": {"macs": (0.1, 0.8)}}`, or flat, with
            `"channels.macs"` as key. A tuple is a range: `(low, high)`,
            `(low, high, "log")` or `(low, high, step)`; of integers if all
            its numbers are integers. A list is a choice among its values. A
            searched budget replaces that in `channels`.
        max_trials: Int, including those that fail. Defaults to 20.
        tuner: `"RandomSearch"`, `"BayesianOptimization"`, `"Hyperband"` or
            `"GridSearch"`. Defaults to `"BayesianOptimization"`.
        cost: `"macs"`, `"params"`, `"bytes"` or `"latency_ms"`. The last two
            are measured on the LiteRT file in the first of `export.formats`
            (by default float32), and quality then is too; with
            `quantization.weight_bits`, given or searched, on the integer file
            that was trained. Defaults to `"macs"`.
        quality: `"accuracy"` on the validation images, or `"agreement"` with
            the teacher on held-out pool images, which needs no labels.
            Defaults to `None`: accuracy if there are validation images.
        limits: Optional dict from a cost to its maximum:
            `{"bytes": 200_000, "latency_ms": 2.0}`.
        pool_share: Float in (0, 1], share of the pool that trials train on.
            Defaults to 1.
        epochs_share: Float in (0, 1], share of `training.epochs` that trials
            train for. Defaults to 1.
        max_winners: Int, maximum number of students that are trained in full.
            Defaults to 5.
        tradeoff: Float, at least 0: the quality that halving the cost is worth.
            Tuners that learn from trials maximize quality - tradeoff *
            log2(cost / the teacher's cost); the same score chooses one student
            of the front. Defaults to 0.01, one percentage point.
        seed: Int. Equal seeds give equal trials, unless latency is measured.
        verbose: As in `tfdcu.compress`.
        **options: Any other argument of `tfdcu.compress` but `baseline`:
            `student`, `validation`, `test`, `data`, `batches`,
            `channels`, `targets`, `sparsity`, `transfer`, `training`,
            `quantization`, `export`. `pool_share` is of the training pool.

    Returns:
        The record that is also in `workdir/front.json`: `teacher`, `trials`,
        `students` (those trained in full, with `on_front`, `chosen` and
        their files), `seconds` ... A worker returns `None`.

    Raises:
        ValueError: If an argument is invalid, before the first trial; if the
            workdir holds another search; or if no trial finishes.

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
    from tfdcu.search.tuners import worker_name

    check_search(workdir, max_trials, max_winners, tuner, TUNERS)
    known = {*option_names(search), *option_names(compress)} - {"baseline"}
    refuse_renamed("search", options)
    check_names("argument", options, sorted(known))
    with console(verbose) as log, contextlib.ExitStack() as held:
        trials = Trials(
            teacher,
            labeled,
            unlabeled,
            space=space,
            cost=cost,
            quality=quality,
            limits=limits,
            pool_share=pool_share,
            epochs_share=epochs_share,
            tradeoff=tradeoff,
            folder=workdir,
            seed=seed,
            **options,
        )
        trials.check()
        identity = trials.identity() | {"tuner": tuner}
        lock = lock_folder(workdir, worker_name())
        held.callback(lock.release)
        run = Workdir(workdir, identity, versions())
        record = run.read_json("front.json")
        sizes = {"max_trials": max_trials, "max_winners": max_winners}
        if record and all(record[name] == size for name, size in sizes.items()):
            print(f"This search is finished.\n{front_table(record)}")
            return record
        log.keep(run.path / "log.txt")
        with run.stage("trials"):
            outcomes = all_trials(run, trials, max_trials, tuner)
        if outcomes is None:
            return None
        with run.stage("full"):
            students = [
                retrain(run, trials, one)
                for one in winners(
                    trials.objective, finished(outcomes), max_winners
                )
            ]
        seconds = run.seconds()
        return write_front(
            run,
            {
                **sizes,
                "tuner": tuner,
                **trials.describe(),
                "trials": outcomes,
                "students": with_front(trials.objective, students),
                "seconds": {
                    **seconds,
                    **training_time(outcomes, seconds, is_distributed()),
                },
                "versions": run.versions,
            },
        )


def check_search(workdir, max_trials, max_winners, tuner, tuners):
    """Raise if the tuner is unknown, a number below 1 or the folder no path."""
    check_names("tuner", [tuner], tuners)
    check_arguments(
        workdir=workdir, max_trials=max_trials, max_winners=max_winners
    )


def all_trials(run, trials, max_trials, tuner):
    """Run the trials; their outcomes, or `None` in a worker."""
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
    # Each trial ends with full garbage collections, which take 0.2 s each if
    # they visit the objects of the libraries.
    gc.collect()
    gc.freeze()
    try:
        made.search(callbacks=[logs])
    finally:
        gc.unfreeze()
    if is_distributed() and not is_chief():
        print(f"{os.environ['KERASTUNER_TUNER_ID']}: no trials are left.")
        return None
    return read_outcomes(run.path / "trials")


def finished(outcomes):
    """The outcomes of trials that trained a student; raises if none did."""
    done = [one for one in outcomes if one["status"] == "finished"]
    if not done:
        raise ValueError(
            "No trial finished. Expected: a space and limits that at least "
            "one student meets. Received: "
            + "; ".join(f"{o['trial']}: {o['reason']}" for o in outcomes)
        )
    return done


def training_time(outcomes, seconds, distributed):
    """Seconds of training in all trials, and the share of other work."""
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


def write_front(run, record):
    """Write table, figure and record; return the record as JSON gives it."""
    table = front_table(record)
    with atomic_write(run.path / "front.md") as (beside,):
        beside.write_text(table + "\n", "utf-8")
    with atomic_write(run.path / "front.png") as (beside,):
        beside.write_bytes(front_figure(record))
    run.write_json("front.json", record)
    print(f"\n{table}\n\nThe front as a figure: {run.path / 'front.png'}")
    return json.loads(json.dumps(record))
