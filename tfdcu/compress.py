"""The main job: from a teacher and two sets of images to LiteRT files."""

from tfdcu.renamed import explain_renamed
from tfdcu.report import read_report
from tfdcu.report import table
from tfdcu.stages.diagnose import diagnose
from tfdcu.stages.distill import distill
from tfdcu.stages.distill import train_baseline
from tfdcu.stages.export import export
from tfdcu.stages.forecast import forecast
from tfdcu.stages.forecast import sentence
from tfdcu.stages.measure import measure
from tfdcu.stages.prune import prune
from tfdcu.stages.quantize import quantize
from tfdcu.stages.report import report
from tfdcu.stages.start import start_run
from tfdcu.stages.targets import store_targets
from tfdcu.workdir.console import console

# In this order; each is a function of the `Run`.
STAGES = (
    diagnose,
    store_targets,
    prune,
    distill,
    quantize,
    train_baseline,
    export,
    measure,
)


@explain_renamed("compress")
def compress(
    teacher,
    labeled,
    unlabeled,
    *,
    workdir,
    preprocess=None,
    student=None,
    validation=None,
    test=None,
    data=None,
    batches=None,
    channels=None,
    targets=None,
    sparsity=None,
    transfer=None,
    training=None,
    quantization=None,
    export=None,
    baseline=False,
    seed=0,
    verbose=1,
):
    """Compress a trained classifier into small, fast, checked LiteRT files.

    The stages, in order: open the data; load the teacher; `diagnose` the
    pool; with `targets`, store the teacher's logits; prune the teacher's
    channels, which gives the student; train the student on the few labels and
    the unlabeled pool (`AlignedDistiller`); with `quantization`, train it on
    with the rounding of its integer file (`quantize_aware`); export, check and
    time LiteRT files; write the report. A run that was killed continues from
    its last finished epoch or stage when it is called again with the same
    arguments; a finished run returns its report at once. With another
    `quantization` or `export` the trained student is used again. The caller's
    models and data are not changed; Keras' global random seed is set.

    Args:
        teacher: A `keras.Model` or the path of one, with one input and one
            output or several: classes or labels of an image, or of each
            position.
        labeled: Few labeled images: anything `tfdcu.data.open_source` takes
            (`"folder:photos"`, `(images, labels)`, ...), or `None`; of several
            outputs labels are a dict by name (docs/several_outputs.md). Two
            `tf.data.Dataset`s with the same number and kind of elements
            look the same to a run: use another workdir for other images.
        unlabeled: The pool, in the same forms; its labels, if any, are dropped.
        workdir: Folder of the run: config, student, artifacts, report.
        preprocess: The preprocessing outside of the teacher that it was
            trained with: `"caffe"`, `"tf"`, `"torch"` or `(mean, deviation)`,
            see `tfdcu.models.with_preprocessing`. The student and its files
            then contain it and take images in [0, 1]. Defaults to `None`: the
            teacher takes the pixels of `data.value_range` as they are.
        student: A `keras.Model` or the path of one, to be trained instead of
            the pruned teacher. Defaults to `None`.
        validation: Optional labeled source, evaluated after each epoch.
        test: Optional labeled source, read once, at the end.
        data: Keywords of `tfdcu.data.prepare`: splits, number of labels ...
        batches: Keywords of `tfdcu.data.training_batches`.
        channels: Keywords of `prune_channels`. Defaults to `{"macs": 0.5}`.
        targets: Store the teacher's logits before training instead of running
            the teacher in every step: `views`, the number of augmented views
            stored for each image; `labeled_views`, the number for each
            labeled image; `mirror` and `top_k` as in `teacher_targets`;
            `shared`, a folder that several runs may use. The student soon
            overfits few views that are repeated in every epoch. Defaults to 0
            views: the teacher runs in every step.
        sparsity: Keywords of `Sparsify`. Defaults to `None`, dense weights, as
            does a `final_sparsity` of 0.
        transfer: Keywords of `AlignedDistiller`.
        training: Keywords of `tfdcu.training.train`: epochs, rate ...
        quantization: `weight_bits` as in `quantize_aware`; `epochs`, by default
            a tenth of those of `training`, at a tenth of its learning rate.
            The integer files then hold what was learned. Defaults to `None`:
            int8 is calibrated after training.
        export: Keywords of `tfdcu.export.export_all`: formats ...
        baseline: Whether to also train the same student on the labels alone.
        seed: Int; it decides the drawn labels, the order of images and new
            weights.
        verbose: 0 prints nothing, 1 bars, 2 a line for each epoch. All that is
            printed is also in `workdir/log.txt`.

    Returns:
        The record that is also in `workdir/report.json`: `rows` (one for
        each model and file), `config`, `versions`, `seconds` by stage ...

    Raises:
        ValueError: If an argument is invalid, before work starts, or if the
            workdir holds a run with another config.
        FloatingPointError: If training diverges; the last good student is
            then in `workdir/last_good.keras`.

    Example:

    >>> report = tfdcu.compress(
    ...     "teacher.keras", "folder:labeled", "folder:pool",
    ...     workdir="runs/mine", channels={"macs": 0.3},
    ... )
    """
    with console(verbose) as log:
        run = start_run(
            teacher,
            preprocess,
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
                "channels": channels,
                "targets": targets,
                "sparsity": sparsity,
                "transfer": transfer,
                "training": training,
                "quantization": quantization,
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
            log.keep(run.folder / "log.txt")
            run.workdir.write_json("skipped.json", list(run.splits.skipped))
            run.workdir.record("skipped.json")
            if not (run.folder / "seconds.json").exists():
                print(sentence(forecast(run)))
            for stage in STAGES:
                with run.workdir.stage(stage.__name__):
                    stage(run)
            return report(run)
        finally:
            run.lock.release()
