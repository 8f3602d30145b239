"""The corridor: opens the rooms in order, once."""

from functools import partial

from tfdcu.data import prepare
from tfdcu.distill.validation import Validation
from tfdcu.distill.validation import overfit_warning
from tfdcu.distill.validation import training_harmed
from tfdcu.distill.validation import validation_sources
from tfdcu.models import at_size
from tfdcu.models import custom_layers
from tfdcu.models import load
from tfdcu.pool.diagnose import diagnose
from tfdcu.report import format_diagnosis
from tfdcu.report import format_selection
from tfdcu.report import read_report
from tfdcu.report import render
from tfdcu.report import table
from tfdcu.report import write_report
from tfdcu.stages.config import check_config
from tfdcu.stages.config import check_needs
from tfdcu.stages.config import check_values
from tfdcu.stages.config import image_shape_of
from tfdcu.stages.distill import build_distiller
from tfdcu.stages.distill import run_training
from tfdcu.stages.distill import teacher_if_needed
from tfdcu.stages.export import export_models
from tfdcu.stages.measure import measure
from tfdcu.stages.prune import merge_plans
from tfdcu.stages.prune import prune
from tfdcu.stages.prune import pruning_schedule
from tfdcu.stages.prune import rows_of
from tfdcu.stages.report import by_source
from tfdcu.stages.report import format_cost
from tfdcu.stages.report import format_unprunable
from tfdcu.stages.report import samples
from tfdcu.stages.select import chosen_pool
from tfdcu.stages.select import with_pool
from tfdcu.stages.targets import store_targets
from tfdcu.workdir.fingerprint import fingerprint
from tfdcu.workdir.fingerprint import fingerprint_of
from tfdcu.workdir.fingerprint import versions
from tfdcu.workdir.workdir import Workdir


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
    iterative=None,
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
        select: `by`, how images of the pool are chosen to train on; `keep`,
            `drop_junk` and `layer` as in `select_pool`. Images held out of
            the pool are not chosen from, and an epoch is of the chosen alone.
            Defaults to `None`, the whole pool, as does no `by`.
        channels: Keywords of `prune_channels`. Defaults to `{"macs": 0.5}`.
        iterative: `rounds` of pruning, each of which judges and reconstructs
            anew what is left, and `epochs` of training after each but the last.
            Defaults to the rounds of `prune_channels` without training.
        targets: `views`, how many views of each image the teacher is asked
            about once, before training, instead of in every step;
            `labeled_views`, how many of each labeled image; `mirror`,
            `top_k`, `batch_size` and `shard_size` as in `teacher_targets`;
            `shared`, a folder whose answers several runs share. Views that
            come again in several epochs are soon learned by heart. Defaults to
            0 views: the teacher is asked in every step.
        sparsity: Keywords of `Sparsify`. Defaults to `None`, dense weights, as
            does a `final_sparsity` of 0.
        transfer: Keywords of `AlignedDistiller`.
        training: Keywords of `tfdcu.training.train`: epochs, rate ...
        reestimate: `images`, those that BatchNorm's statistics are computed
            of anew when the student and the baseline are trained: `"labeled"`,
            `"pool"` or, the default, `None`; and `limit`, at most so many.
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
    if channels is None and student is None:
        channels = {"macs": 0.5}
    if channels is not None and student is not None:
        raise ValueError(
            "A given student is not pruned. Expected: `student` or "
            f"`channels`. Received: student={student!r}, channels={channels!r}"
        )
    given = {
        "data": data,
        "batches": batches,
        "select": select,
        "channels": channels,
        "iterative": iterative,
        "targets": targets,
        "sparsity": sparsity,
        "transfer": transfer,
        "training": training,
        "reestimate": reestimate,
        "export": export,
    }
    config = check_config(given)
    sources = {
        "labeled": labeled,
        "unlabeled": unlabeled,
        "validation": validation,
        "test": test,
    }
    check_needs(config, labeled, baseline)
    teacher = load(teacher)
    image_shape = image_shape_of(teacher, config["data"])
    teacher = at_size(teacher, image_shape)
    start = None if student is None else at_size(load(student), image_shape)
    splits = prepare(
        **sources,
        num_classes=teacher.output_shape[-1],
        seed=seed,
        **{**config["data"], "image_shape": image_shape},
    )
    check_values(config, splits, teacher, start)
    config |= {"baseline": baseline, "seed": seed}
    identity = fingerprint_of(
        {
            "teacher": fingerprint(teacher),
            "student": start and fingerprint(start),
            **sources,
            **config,
            "images": splits.describe(),
        }
    )
    custom = custom_layers(teacher) | (custom_layers(start) if start else {})
    run = Workdir(workdir, identity, versions(), custom)
    if (run.path / "report.html").exists():
        record = read_report(run.path / "report.json")
        print(f"This run is finished.\n{table(record['rows'])}")
        return record
    run.write_json("skipped.json", list(splits.skipped))

    rounds = (
        []
        if start
        else pruning_schedule(config["channels"], **config["iterative"])
    )

    def cut(model, number, part):
        smaller, plan = prune(model, teacher, splits, config, part)
        run.write_json(f"channels/{number}.json", rows_of(plan))
        return smaller

    def cuts(number):
        files = [f"channels/{i}.json" for i in range(1, number + 1)]
        return merge_plans([run.read_json(file) for file in files])

    def distilled(name, model, config, number):
        model = build_distiller(
            model,
            teacher_if_needed(teacher, stored, config),
            config,
            class_shares,
            cuts(number)["kept"],
        )
        mirror = config["targets"].get("mirror", False)
        validation = Validation(validation_sources(splits), teacher, mirror)
        run.cached_json(
            f"training/{name}_start.json", lambda: validation.measure(model)
        )
        return run_training(
            run, name, model, splits, config, stored, [validation]
        )

    def retrained(model, number, epochs):
        short = config["training"] | {"epochs": epochs}
        dense = config | {"training": short, "sparsity": {}, "reestimate": {}}
        return distilled(f"round_{number}", model, dense, number)

    with run.stage("diagnosis"):
        diagnosis = run.cached_json(
            "diagnosis.json",
            lambda: diagnose(
                teacher, splits.labeled, splits.unlabeled, seed=seed
            ),
        )
    verdict = format_diagnosis(diagnosis)
    class_shares, chosen = diagnosis["shares"], None
    if config["select"].get("by") is not None:
        choose = partial(chosen_pool, teacher, splits, seed=seed)
        with run.stage("selection"):
            chosen = run.cached_json(
                "selection.json", partial(choose, **config["select"])
            )
        splits = with_pool(splits, chosen)
        class_shares = chosen["found"]["kept_shares"]
        verdict += format_selection(chosen["found"])
    print(*verdict, sep="\n")
    with run.stage("targets"):
        stored = store_targets(
            teacher, splits, run.path / "targets", config, **config["targets"]
        )
    model = start or teacher
    for number, (part, epochs) in enumerate(rounds, 1):
        name = "pruned" if number == len(rounds) else f"pruned_{number}"
        with run.stage("channels"):
            model = run.model(name, partial(cut, model, number, part))
        if epochs:
            with run.stage("rounds"):
                model = run.model(
                    f"round_{number}",
                    partial(retrained, model, number, epochs),
                )
    # Read anew each time: training changes the model it is given.
    small = partial(run.model, "pruned", lambda: model)

    student = small()
    print(f"Teacher: {format_cost(teacher)}\nStudent: {format_cost(student)}")

    def better():
        student = distilled("student", small(), config, len(rounds))
        return small() if harmed() else student

    def harmed():
        start = run.read_json("training/student_start.json")
        ends = run.read_json("training/student.json")
        end = {name: ends[name][-1] for name in start}
        # Zeros that were asked for are worth a loss.
        return [] if config["sparsity"] else training_harmed(start, end)

    with run.stage("transfer"):
        student = run.model("student", better)
    models = {"teacher": teacher}
    if baseline:
        with run.stage("baseline"):
            models["baseline"] = run.model(
                "baseline",
                lambda: run_training(run, "baseline", small(), splits, config),
            )
    models["student"] = student
    with run.stage("export"):
        files = export_models(models, splits, run.path, **config["export"])
    with run.stage("measure"):
        rows, notes = measure(models, files, splits)
    histories = {
        name: run.read_json(f"training/{name}.json")
        for name in (
            "student",
            "baseline",
            *(f"round_{number}" for number in range(1, len(rounds))),
        )
        if run.holds(f"training/{name}.json")
    }
    notes += harmed() or overfit_warning(histories.get("student", {}))
    cut_away = cuts(len(rounds))
    record = write_report(
        run.path / "report.json",
        {
            "rows": rows,
            "config": identity,
            "versions": run.versions,
            "seconds": run.seconds(),
            "history": histories,
            "channels": cut_away["groups"],
            "diagnosis": diagnosis,
            "selection": chosen["found"] if chosen else {},
            "notes": [
                *verdict,
                *notes,
                *format_unprunable(cut_away["unprunable"]),
            ],
            "skipped": by_source(splits.skipped),
            "classes": list(splits.classes or ()),
        },
    )
    page = render(record, run.path, samples(splits))
    print(f"\n{table(rows)}\n\nThe report with pictures: {page}")
    return record
