"""The main job: from a teacher and two pools of images to LiteRT files."""

from tfdcu.report import read_report
from tfdcu.report import table
from tfdcu.stages.diagnose import diagnose
from tfdcu.stages.distill import distill
from tfdcu.stages.distill import train_baseline
from tfdcu.stages.export import export
from tfdcu.stages.measure import measure
from tfdcu.stages.prune import prune
from tfdcu.stages.report import report
from tfdcu.stages.select import select
from tfdcu.stages.start import start_run
from tfdcu.stages.targets import store_targets

# In this order; each is a function of the `Run`.
STAGES = (
    diagnose,
    select,
    store_targets,
    prune,
    distill,
    train_baseline,
    export,
    measure,
)


def compress(
    teacher,
    labeled,
    unlabeled,
    *,
    workdir,
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
    baseline=False,
    seed=0,
):
    """Make a small, fast LiteRT file of a trained classifier, with evidence.

    The stages, in order: open the data; load the teacher; `diagnose` the
    pool, and choose what to keep of it (`select_pool`), if that is asked for;
    ask the teacher about the images, if its targets are to be stored;
    prune its channels, which makes the student; train the student with few
    labels and a pool of unlabeled images (`AlignedDistiller`); export, check
    and time LiteRT files; write the report. A run that was killed goes on
    from its last finished epoch or stage when it is called again with the
    same arguments, and a finished one returns its report at once. The
    caller's models and data are not changed; Keras' global random seed is
    set.

    Args:
        teacher: A `keras.Model` or the path of one.
        labeled: Few labeled images: anything `tfdcu.data.open_source` takes
            (`"folder:photos"`, `(images, labels)`, ...), or `None`. A live
            dataset is told from another by its number and kind of elements
            alone: give a run of other images a workdir of its own.
        unlabeled: The pool, likewise; its labels, if any, are dropped.
        workdir: Folder of the run: config, student, artifacts, report.
        student: A `keras.Model` or the path of one, to be trained instead of
            the pruned teacher. Defaults to `None`.
        validation: Optional labeled source, evaluated after each epoch.
        test: Optional labeled source, read once, at the end.
        data: Keywords of `tfdcu.data.prepare`: splits, number of labels ...
        batches: Keywords of `tfdcu.data.training_batches`.
        select: `by`, how images of the pool are chosen to train on; `keep`
            and `drop_junk` as in `select_pool`. Images held out of the pool
            are not chosen from, and an epoch is of the chosen alone. Defaults
            to `None`, the whole pool, as does no `by`.
        channels: Keywords of `prune_channels`. Defaults to `{"macs": 0.5}`.
        targets: `views`, how many views of each image the teacher is asked
            about once, before training, instead of in every step;
            `labeled_views`, how many of each labeled image; `mirror`,
            `top_k` and `batch_size` as in `teacher_targets`;
            `shared`, a folder whose answers several runs share. Views that
            come again in several epochs are soon learned by heart. Defaults to
            0 views: the teacher is asked in every step.
        sparsity: Keywords of `Sparsify`. Defaults to `None`, dense weights, as
            does a `final_sparsity` of 0.
        transfer: Keywords of `AlignedDistiller`.
        training: Keywords of `tfdcu.training.train`: epochs, rate ...
        reestimate: `images`, those that BatchNorm's statistics are computed
            of anew when the student and the baseline are trained: `"labeled"`,
            `"pool"` or, the default, `None`.
        export: Keywords of `tfdcu.export.export_all`: formats ...
        baseline: Whether to train the same student on the labels alone too.
        seed: Int; draws the labels, the order of images and new weights.

    Returns:
        The record that is also in `workdir/report.json`: `rows` (one for
        each model and file), `config`, `versions`, `seconds` by stage ...

    Raises:
        ValueError: If an argument does not fit, before work starts, or if the
            workdir holds a run of another config.
        FloatingPointError: If training diverges; the last good student is
            then in `workdir/last_good.keras`.

    Example:

    >>> report = tfdcu.compress(
    ...     "teacher.keras", "folder:labeled", "folder:pool",
    ...     workdir="runs/mine", channels={"macs": 0.3},
    ... )
    """
    run = start_run(
        teacher,
        student,
        {
            "labeled": labeled,
            "unlabeled": unlabeled,
            "validation": validation,
            "test": test,
        },
        {
            "data": data,
            "batches": batches,
            "select": select,
            "channels": channels,
            "targets": targets,
            "sparsity": sparsity,
            "transfer": transfer,
            "training": training,
            "reestimate": reestimate,
            "export": export,
        },
        workdir,
        baseline,
        seed,
    )
    try:
        if (run.folder / "report.html").exists():
            record = read_report(run.folder)
            print(f"This run is finished.\n{table(record['rows'])}")
            return record
        run.workdir.write_json("skipped.json", list(run.splits.skipped))
        for stage in STAGES:
            with run.workdir.stage(stage.__name__):
                stage(run)
        return report(run)
    finally:
        run.lock.release()
