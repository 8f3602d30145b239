"""The report of a run: a page with pictures, and the same as Markdown."""

import base64
import json
from pathlib import Path

from tfdcu.report import units
from tfdcu.report.figures import accuracy_figure
from tfdcu.report.figures import relative_figure
from tfdcu.report.record import check_record
from tfdcu.report.record import plain
from tfdcu.report.record import read_report
from tfdcu.report.rows import is_teacher
from tfdcu.report.rows import title
from tfdcu.report.samples import samples_figure
from tfdcu.report.summary import headline
from tfdcu.report.table import COLUMNS
from tfdcu.report.table import comparison
from tfdcu.report.table import escape
from tfdcu.report.table import markdown_table
from tfdcu.report.training_figure import training_figure
from tfdcu.workdir.atomic import atomic_write

HEADING = "Compression report"
MOST_ITEMS = 20
CAPTIONS = {
    "accuracy": "Accuracy against file size and latency. Keras models are "
    "horizontal lines.",
    "relative": "Cost relative to the teacher: networks against the Keras "
    "teacher, files against the teacher's float32 file.",
    "training": "Training of the student. At a domain accuracy of 0.5 the "
    "labeled and unlabeled images cannot be told apart.",
    "samples": "Some of the images the student learned from.",
}


def render(record, workdir, samples=None):
    """Write `report.html`, `report.md` and `figures/` into a workdir.

    Each file appears whole or not at all, the page last, and equal input gives
    equal files.
    The page needs no other file and runs no script; names and notes are
    shown as text, whatever they hold.

    Args:
        record: A record as `write_report` takes it, or the path of one.
        workdir: A folder, made if needed.
        samples: Images to show, see `samples_figure`. None keeps the picture
            of an earlier call in the same workdir.

    Returns:
        The path of the page, `workdir/report.html`.

    Raises:
        ValueError: If the record or the samples cannot be used, or the
            workdir cannot be written.
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
    pictures = _pictures(record, samples)
    earlier = workdir / "figures" / "samples.png"
    if samples is None and earlier.is_file():
        pictures["samples"] = earlier.read_bytes()
    contents = {
        workdir / "figures" / f"{name}.png": content
        for name, content in pictures.items()
    }
    contents[workdir / "report.md"] = markdown(record, pictures).encode()
    # The last: where the page is, the rest is too.
    page = workdir / "report.html"
    contents[page] = html(record, pictures).encode()
    with atomic_write(*contents) as files:
        for file, content in zip(files, contents.values()):
            file.write_bytes(content)
    return page


def html(record, pictures):
    """One page that needs no other file.

    Args:
        record: A checked record.
        pictures: {key of `CAPTIONS`: bytes of a PNG file}.

    Returns:
        The page, a string.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        # By name the default would take `.jinja` for a safe kind of file.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
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
        columns=["model", *(head for head, _ in COLUMNS.values())],
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
    """The same report as GitHub Markdown; pictures lie in `figures/`.

    Args:
        record: A checked record.
        pictures: The names of the pictures, keys of `CAPTIONS`.

    Returns:
        The text, a string.
    """
    parts = [
        f"# {HEADING}",
        f"**{escape(headline(record['rows']))}**",
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
    return "\n\n".join(parts) + "\n"


def _pictures(record, samples):
    pictures = {
        "accuracy": accuracy_figure(record["rows"]),
        "relative": relative_figure(record["rows"]),
        "training": training_figure(record.get("history", {})),
        "samples": samples_figure(samples or {}, record.get("classes", [])),
    }
    return {name: content for name, content in pictures.items() if content}


def _cells(row, rows):
    against = comparison(row, rows)
    return [
        {"value": show(row[key]), "against": against.get(key)}
        for key, (_, show) in COLUMNS.items()
    ]


def _sections(record):
    """{heading: {fact: text}}; headings without facts are left out."""
    seconds = record.get("seconds", {})
    times = {stage: units.duration(value) for stage, value in seconds.items()}
    known = [value for value in seconds.values() if value is not None]
    if len(known) > 1:
        times["together"] = units.duration(sum(known))
    classes = record.get("classes", [])
    sections = {
        "Time by stage": times,
        "Channels": channels(record.get("channels", [])),
        "The pool": flat(record.get("diagnosis", {})),
        "What is kept of the pool": flat(record.get("selection", {})),
        "Config": flat(record.get("config", {})),
        "Versions": flat(record.get("versions", {})),
        "Skipped files": flat(record.get("skipped", {})),
        "Classes": {f"{len(classes)} classes": _shown(classes)}
        if classes
        else {},
    }
    return {name: facts for name, facts in sections.items() if facts}


def channels(groups):
    """What was cut of each group of channels, and why not more, as text."""
    return {
        row["group"]: f"{row['before']} -> {row['after']} in {row['layers']} "
        f"layer{'s' * (row['layers'] != 1)}"
        + (f", kept: {row['why']}" if row["why"] else "")
        for row in groups
    }


def flat(tree, prefix=""):
    """A nested dict as {"outer.inner": text}; long lists are cut and say so."""
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
