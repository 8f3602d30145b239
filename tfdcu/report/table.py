"""The rows of a record as plain text and as a GitHub Markdown table."""

import re

from tfdcu.report import units
from tfdcu.report.rows import is_teacher
from tfdcu.report.rows import ratio
from tfdcu.report.rows import title
from tfdcu.workdir.console import printable

WIDTH = 100
COLUMNS = {
    "accuracy": ("accuracy", units.percent),
    "agreement": ("agreement", units.percent),
    "mean_average_precision": ("precision", units.percent),
    "mean_iou": ("mean IoU", units.percent),
    "params": ("params", units.count),
    "macs": ("macs", units.count),
    "bytes": ("size", units.size),
    "gzip_bytes": ("gzipped", units.size),
    "latency_ms": ("latency", units.milliseconds),
}
# Shown if some row has it.
OPTIONAL = ("mean_average_precision", "mean_iou")
COMPARED = ("macs", "params", "bytes", "latency_ms")


def table(rows):
    """Rows of a record as aligned plain text, at most 100 columns wide.

    For a terminal. Below the table each row is compared with the teacher:
    Keras models with the Keras teacher, LiteRT files with the teacher's
    float32 file.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        The text, without a final newline. Long names are shortened with an
        ellipsis.

    Example:

    >>> print(table(read_report("runs/digits")["rows"]))
    """
    cells = [[printable(line[0]), *line[1:]] for line in _lines(rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    room = WIDTH - sum(widths[1:]) - 2 * len(widths[1:])
    widths[0] = min(widths[0], room)
    lines = [_align(line, widths) for line in cells]
    lines.insert(1, "-" * len(lines[0]))
    comparisons = {title(row): comparison(row, rows) for row in rows}
    comparisons = {
        printable(name): ", ".join(parts.values())
        for name, parts in comparisons.items()
        if parts
    }
    if comparisons:
        lines += ["", "Against the teacher (files against its float32 file):"]
        width = min(max(map(len, comparisons)), room)
        for name, text in comparisons.items():
            lines.append(f"  {_cut(name, width):<{width}}  {text}")
    return "\n".join(lines)


def markdown_table(rows):
    """Rows of a record as a GitHub Markdown table with comparisons.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        The table, without a final newline.

    Example:

    >>> Path("table.md").write_text(markdown_table(record["rows"]))
    """
    header, *body = _lines(rows)
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for row, line in zip(rows, body):
        lines.append([escape(line[0]), *joined_cells(row, rows)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def joined_cells(row, rows):
    """The cells of a row, with comparisons in parentheses."""
    against = comparison(row, rows)
    cells = []
    for key, (_, show) in columns_of(rows).items():
        cell = show(row[key])
        cells.append(f"{cell} ({against[key]})" if key in against else cell)
    return cells


def columns_of(rows):
    """The columns of a table: {key: (head, function to show a value)}."""
    return {
        key: column
        for key, column in COLUMNS.items()
        if key not in OPTIONAL or any(row.get(key) is not None for row in rows)
    }


def comparison(row, rows):
    """{key: text such as '4.1x smaller'} of a row relative to the teacher."""
    if is_teacher(row):
        return {}
    said = {key: units.compared(key, ratio(row, rows, key)) for key in COMPARED}
    return {key: text for key, text in said.items() if text}


def escape(text):
    """Escapes text for Markdown: no markup, no links, one line."""
    text = printable(str(text))
    text = re.sub(r"([\\`*_{}\[\]#!|~$]|:(?=//))", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lines(rows):
    columns = columns_of(rows)
    header = ["model", *(head for head, _ in columns.values())]
    body = [
        [title(row), *(show(row[key]) for key, (_, show) in columns.items())]
        for row in rows
    ]
    return [header, *body]


def _align(line, widths):
    first = f"{_cut(line[0], widths[0]):<{widths[0]}}"
    rest = [f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:])]
    return "  ".join([first, *rest])


def _cut(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"
