"""The end of a run: its record and its page."""

from tfdcu.data import images_of
from tfdcu.data import sample_of
from tfdcu.report import recommend
from tfdcu.report import render
from tfdcu.report import table
from tfdcu.report import write_report
from tfdcu.report.tensorboard import log_mistakes
from tfdcu.stages.measure import table_images
from tfdcu.stages.mistakes import example_images
from tfdcu.stages.start import RESULTS


def report(run):
    """Write the record of a run and its page with figures.

    Args:
        run: A `Run` after all its stages.

    Returns:
        The record, a dict.
    """
    histories = {
        name: run.workdir.read_json(f"training/{name}.json")
        for name in ("student", "baseline")
        if run.workdir.holds(f"training/{name}.json")
    }
    record = write_report(
        run.folder / "report.json",
        {
            "rows": run.rows,
            "config": run.workdir.config
            | {name: run.config[name] for name in RESULTS},
            "versions": run.workdir.versions,
            "seconds": run.workdir.seconds(),
            "history": histories,
            "channels": run.plan["groups"],
            "diagnosis": run.diagnosis,
            "notes": [
                *run.notes,
                *format_unprunable(run.plan["unprunable"]),
            ],
            "skipped": run.splits.skipped_by_source(),
            "failed": run.failed,
            "clients": run.clients,
            "mistakes": run.mistakes,
            "classes": list(run.splits.classes or ()),
        },
    )
    examples = example_images(run.mistakes, table_images(run.splits)[0])
    page = render(record, run.folder, samples(run.splits), examples)
    log_mistakes(run.folder / "logs" / "mistakes", run.mistakes)
    figures = (f"figures/{path.name}" for path in page.parent.glob("figures/*"))
    run.workdir.record("report.json", "report.md", "report.html", *figures)
    print(f"\n{table(record['rows'])}\n\n{recommend(record['rows'])}")
    print(f"\nThe report with figures: {page}")
    return record


def format_unprunable(unprunable):
    """A sentence for each reason why channels were not pruned."""
    return [
        f"{count:,} channels were kept: {why}."
        for why, count in unprunable.items()
    ]


def samples(splits, num=24):
    """A few images of each kind, with labels; none of other inputs."""
    if splits.unlabeled.value_range is None:
        return {}
    shown = {"unlabeled": images_of(splits.unlabeled, num)}
    if splits.labeled is not None:
        few = sample_of(splits.labeled, num)
        shown["labeled"] = images_of(few)
        # Maps of labels are no captions, nor are those of several outputs.
        if len(few.label_shape) < 2 and not few.outputs:
            shown["labeled"] = shown["labeled"], few.labels()
    return shown
