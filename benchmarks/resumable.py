"""A table whose missing rows are measured one after another."""

import itertools
import json

from tfdcu.workdir.atomic import atomic_write


def fill(table, wanted, measured, as_table):
    """Measures the rows that a table lacks, writes it after each, and prints.

    Args:
        table: `Path` of the table without its suffix; the rows are kept in
            `.json`, the table is written to `.md`.
        wanted: List of dicts that name the rows, such as `{"row": "no labels",
            "seed": 0}`. A row that has these values is not measured again.
        measured: Function of the values of such a dict that returns the rest
            of the row, a dict.
        as_table: Function of the list of rows that returns Markdown.
    """
    file = table.with_suffix(".json")
    rows = json.loads(file.read_text("utf-8")) if file.exists() else []
    for key in wanted:
        if any(row.items() >= key.items() for row in rows):
            continue
        rows.append(key | measured(*key.values()))
        with atomic_write(file, table.with_suffix(".md")) as (data, text):
            data.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
            text.write_text(as_table(rows) + "\n", "utf-8")
    print(as_table(rows))


def by_seed(names, seeds):
    """Keys of every row for each of the seeds 0, 1, ..., seed by seed."""
    return [
        {"row": name, "seed": seed}
        for seed, name in itertools.product(range(seeds), names)
    ]
