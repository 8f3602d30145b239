"""Write the report of a run as HTML and Markdown."""

import base64
import json
from pathlib import Path

from tfdcu.report import units
from tfdcu.report.classes_figure import classes_figure
from tfdcu.report.figures import accuracy_figure
from tfdcu.report.figures import relative_figure
from tfdcu.report.recommend import recommend
from tfdcu.report.record import check_record
from tfdcu.report.record import plain
from tfdcu.report.record import read_report
from tfdcu.report.rows import is_teacher
from tfdcu.report.rows import title
from tfdcu.report.samples import samples_figure
from tfdcu.report.summary import headline
from tfdcu.report.table import columns_of
from tfdcu.report.table import comparison
from tfdcu.report.table import escape
from tfdcu.report.table import markdown_table
from tfdcu.report.training_figure import training_figure
from tfdcu.report.widths_figure import widths_figure
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.console import printable

HEADING = "Compression report"
MOST_ITEMS = 20
CAPTIONS = {
    "accuracy": "Accuracy against file size and latency. Keras models are "
    "horizontal lines.",
    "relative": "Cost relative to the teacher: networks against the Keras "
    "teacher, files against the teacher's float32 file.",
    "training": "Training of the student, epoch by epoch.",
    "classes": "Accuracy in each class, with its number of images; those that "
    "lose most come first.",
    "mistakes": "Images that the student newly mistakes: the teacher's class, "
    "and the student's after the arrow.",
    "widths": "Channels of each group of layers, of the teacher and of the "
    "student.",
    "samples": "Some of the training images.",
}


def render(record, workdir, samples=None, mistakes=None):
    """Writes `report.html`, `report.md` and `figures/` into a workdir.

    Files are written atomically, the page last; equal input gives equal files.
    The page is a single file without scripts; names and notes are escaped.

    Args:
        record: A record, see `write_report`, or its path.
        workdir: A folder, created if needed.
        samples: Images to show, see `samples_figure`. None keeps the figure of
            an earlier call in the same workdir.
        mistakes: Images that the student newly mistakes and their captions, in
            the same way.

    Returns:
        The path of the page, `workdir/report.html`.

    Raises:
        ValueError: If the record or the samples are invalid, or the workdir
            cannot be written.
        OSError: If the disk fills up.

    Example:

    >>> render("runs/digits/report.json", "runs/digits")
    PosixPath('runs/digits/report.html')
    """
    if isinstance(record, dict):
        record = check_record(plain(record))
    else:
        record = read_report(record)
    workdir = Path(workdir)
    mistakes = mistakes and {"newly mistaken": mistakes}
    shown = {"mistakes": mistakes, "samples": samples}
    pictures = _pictures(record, shown)
    for name, images in shown.items():
        earlier = workdir / "figures" / f"{name}.png"
        if images is None and earlier.is_file():
            pictures[name] = earlier.read_bytes()
    contents = {
        workdir / "figures" / f"{name}.png": content
        for name, content in pictures.items()
    }
    contents[workdir / "report.md"] = markdown(record, pictures).encode()
    # Last, so that if the page exists, the other files do too.
    page = workdir / "report.html"
    contents[page] = html(record, pictures).encode()
    with atomic_write(*contents) as files:
        for file, content in zip(files, contents.values()):
            file.write_bytes(content)
    return page


def html(record, pictures):
    """The report as a single HTML page.

    Args:
        record: A checked record.
        pictures: {key of `CAPTIONS`: bytes of a PNG file}.

    Returns:
        The page, a string.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        # The default would not escape in a `.jinja` file.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda one: printable(one) if isinstance(one, str) else one,
        trim_blocks=True,
    )
    lines = [
        {
            "name": title(row),
            "teacher": is_teacher(row),
            "cells": _cells(row, record["rows"]),
        }
        for row in record["rows"]
    ]
    return environment.get_template("page.html.jinja").render(
        heading=HEADING,
        headline=headline(record["rows"]),
        advice=recommend(record["rows"]),
        columns=[
            "model",
            *(head for head, _ in columns_of(record["rows"]).values()),
        ],
        lines=lines,
        notes=record.get("notes", []),
        sections=_sections(record),
        pictures=[
            {
                "caption": CAPTIONS[name],
                "base64": base64.b64encode(content).decode(),
            }
            for name, content in pictures.items()
        ],
    )


def markdown(record, pictures):
    """The report as GitHub Markdown, with figures in `figures/`.

    Args:
        record: A checked record.
        pictures: Names of the figures, keys of `CAPTIONS`.

    Returns:
        The text, a string.
    """
    parts = [
        f"# {HEADING}",
        f"**{escape(headline(record['rows']))}**",
        escape(recommend(record["rows"])),
        markdown_table(record["rows"]),
    ]
    if record.get("notes"):
        notes = (f"- {escape(note)}" for note in record["notes"])
        parts += ["## Notes", "\n".join(notes)]
    for name in pictures:
        parts.append(f"![{CAPTIONS[name]}](figures/{name}.png)")
    for name, facts in _sections(record).items():
        rows = (f"| {escape(k)} | {escape(v)} |" for k, v in facts.items())
        parts += [f"## {name}", "\n".join(["| | |", "| --- | --- |", *rows])]
    return "\n\n".join(filter(None, parts)) + "\n"


def _pictures(record, shown):
    classes = record.get("classes", [])
    mistakes = record.get("mistakes", {})
    pictures = {
        "accuracy": accuracy_figure(record["rows"]),
        "relative": relative_figure(record["rows"]),
        "training": training_figure(record.get("history", {})),
        "classes": classes_figure(mistakes.get("by_class", [])),
        "widths": widths_figure(record.get("channels", [])),
    }
    for name, images in shown.items():
        pictures[name] = samples_figure(images or {}, classes)
    # In the order of the captions.
    return {name: pictures[name] for name in CAPTIONS if pictures[name]}


def _cells(row, rows):
    against = comparison(row, rows)
    return [
        {"value": show(row[key]), "against": against.get(key)}
        for key, (_, show) in columns_of(rows).items()
    ]


def _sections(record):
    """{heading: {name: text}}, without empty sections."""
    seconds = record.get("seconds", {})
    times = {stage: units.duration(value) for stage, value in seconds.items()}
    known = [value for value in seconds.values() if value is not None]
    if len(known) > 1:
        times["total"] = units.duration(sum(known))
    classes = record.get("classes", [])
    sections = {
        "Time by stage": times,
        "Channels": channels(record.get("channels", [])),
        "New mistakes of the student": confusions(record.get("mistakes", {})),
        "Where each file runs": flat(record.get("clients", {})),
        "The pool": flat(record.get("diagnosis", {})),
        "Config": flat(record.get("config", {})),
        "Versions": flat(record.get("versions", {})),
        "Skipped files": flat(record.get("skipped", {})),
        "Classes": {f"{len(classes)} classes": _shown(classes)}
        if classes
        else {},
    }
    return {name: facts for name, facts in sections.items() if facts}


def channels(groups):
    """Channels of each group before and after pruning, as text."""
    return {
        row["group"]: f"{row['before']} -> {row['after']} in {row['layers']} "
        f"layer{'s' * (row['layers'] != 1)}"
        + (f", kept: {row['why']}" if row["why"] else "")
        for row in groups
    }


def confusions(mistakes):
    """What the student newly mistakes for what, as text."""
    return {
        f"{pair['class']}, taken for {pair['taken_for']}": f"{pair['images']:,}"
        for pair in mistakes.get("pairs", [])
    }


def flat(tree, prefix=""):
    """A nested dict as {"outer.inner": text}; long lists are shortened."""
    facts = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            facts |= flat(value, f"{prefix}{key}.")
        else:
            facts[f"{prefix}{key}"] = _shown(value)
    return facts


def _shown(value):
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ": ".join(map(_shown, value.values())) or "none"
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    items = [_shown(item) for item in value[:MOST_ITEMS]]
    if len(value) > MOST_ITEMS:
        items.append(f"and {len(value) - MOST_ITEMS:,} more")
    return ", ".join(items) or "none"
