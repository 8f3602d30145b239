"""The one record of a run, from which everything in this room is drawn."""

import json
import math
import numbers
from pathlib import Path

from tfdcu.workdir.atomic import atomic_write

FORMATS = ("keras", "float32", "float16", "dynamic", "int8")
FRACTIONS = ("accuracy", "agreement")
AMOUNTS = ("params", "macs", "bytes", "gzip_bytes", "latency_ms")
SECTIONS = {
    "config": dict,
    "versions": dict,
    "seconds": dict,
    "history": dict,
    "channels": list,
    "diagnosis": dict,
    "selection": dict,
    "notes": list,
    "skipped": dict,
    "classes": list,
}


def write_report(path, record):
    """Check a record and write it as JSON, whole or not at all.

    The file is written beside its place and then renamed, so that a run
    killed meanwhile leaves the old file or the new one. NaN and infinities
    become null and NumPy numbers plain ones, because JSON knows neither.

    Args:
        path: Where the record goes, usually `workdir/report.json`. Missing
            folders are made.
        record: A dict. `rows` is required: a list of flat dicts with the keys
            `name`, `format` (one of `FORMATS`), `accuracy` and `agreement`
            (fractions from 0 to 1), `params`, `macs`, `bytes`, `gzip_bytes`
            (counts) and `latency_ms`, each of them null where it does not
            apply. `config`, `versions`, `seconds`, `history`,
            `channels`, `diagnosis`, `selection`, `notes`, `skipped` and
            `classes` may stand beside it.

    Returns:
        The record as it was written: what `read_report(path)` gives back.

    Raises:
        ValueError: If a key is missing or a value is not what it should be,
            or if the folder cannot be written.
        OSError: If the disk fills up.

    Example:

    >>> row = {"name": "teacher", "format": "keras", "accuracy": 0.99,
    ...        "agreement": None, "params": 9098, "macs": 1200000,
    ...        "bytes": None, "gzip_bytes": None, "latency_ms": None}
    >>> record = write_report("run/report.json", {"rows": [row]})
    """
    record = check_record(plain(record))
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as (file,):
        file.write_text(text + "\n", "utf-8")
    return record


def read_report(path):
    """Read a record written by `write_report` and check it again.

    Args:
        path: A JSON file, or the workdir that holds `report.json`.

    Returns:
        The record, a dict.

    Raises:
        ValueError: If the file is missing, is not JSON or is not a record.

    Example:

    >>> read_report("runs/digits")["rows"][0]["accuracy"]
    0.993
    """
    path = Path(path)
    path = path / "report.json" if path.is_dir() else path
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        received = "no file there"
    except ValueError as error:
        received = f"a file that cannot be read as JSON ({error})"
    else:
        return check_record(plain(record))
    raise ValueError(
        f"The report {path} cannot be read. Expected a JSON file that "
        f"`write_report` wrote. Received: {received}."
    )


def check_record(record):
    """The same record, or a `ValueError` that names what is wrong in it."""
    rows = record.get("rows") if isinstance(record, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ValueError(
            "A record needs rows. Expected a dict whose 'rows' is a list with "
            f"at least one dict. Received: {_short(record)}."
        )
    unknown = sorted(set(record) - {"rows", *SECTIONS})
    if unknown:
        raise ValueError(
            "A record holds keys that no reader knows. Expected 'rows' and any "
            f"of {sorted(SECTIONS)}. Received also: {unknown}."
        )
    for key, kind in SECTIONS.items():
        if not isinstance(record.get(key, kind()), kind):
            raise ValueError(
                f"'{key}' of a record has the wrong type. Expected a "
                f"{kind.__name__}. Received: {_short(record[key])}."
            )
    for index, row in enumerate(rows):
        _check_row(index, row)
    names = [(row["name"], row["format"]) for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            "Two rows of a record cannot be told apart. Expected each pair of "
            f"name and format once. Received more than once: {twice}."
        )
    return record


def _check_row(index, row):
    wanted = ("name", "format", *FRACTIONS, *AMOUNTS)
    keys = set(row) if isinstance(row, dict) else set()
    if not keys.issuperset(wanted):
        raise ValueError(
            f"Row {index} of a record lacks keys. Expected {list(wanted)}, "
            "null where a value does not apply. Missing: "
            f"{[key for key in wanted if key not in keys]}."
        )
    if not (isinstance(row["name"], str) and row["name"].strip()):
        _refuse(index, row, "name", "a name, a string that is not empty")
    if row["format"] not in FORMATS:
        _refuse(index, row, "format", f"one of {FORMATS}")
    for key in FRACTIONS:
        if not _between(row[key], 0, 1):
            _refuse(index, row, key, "a fraction from 0 to 1 or null")
    for key in AMOUNTS:
        if not _between(row[key], 0, math.inf):
            _refuse(index, row, key, "a number of at least 0 or null")
    for key, value in row.items():
        if isinstance(value, dict | list):
            _refuse(index, row, key, "one plain value, for rows are flat")


def _between(value, low, high):
    if value is None:
        return True
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and low <= value <= high


def _refuse(index, row, key, expected):
    raise ValueError(
        f"'{key}' of row {index} ({_short(row['name'])}) of a record cannot be "
        f"used. Expected {expected}. Received: {_short(row[key])}."
    )


def _short(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def plain(value):
    """The same value in the types of JSON; NaN and infinities become None."""
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, str):
        # Names of files need not be UTF-8.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    return str(value)
