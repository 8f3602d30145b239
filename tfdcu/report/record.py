"""The record of a run, the input of tables, figures and pages."""

import dataclasses
import json
import math
import numbers
import reprlib
from pathlib import Path

from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.json_file import read_json

FORMATS = (
    "keras",
    "float32",
    "float16",
    "dynamic",
    "int8",
    "weight8",
    "int8_weight4",
)
# Files for a place where they run.
TARGETS = ("mediapipe", "web", "android", "microcontroller", "ethos-u")
SECTIONS = {
    "rows": list,
    "config": dict,
    "versions": dict,
    "seconds": dict,
    "history": dict,
    "channels": list,
    "diagnosis": dict,
    "notes": list,
    "skipped": dict,
    "failed": dict,
    "clients": dict,
    "mistakes": dict,
    "classes": list,
}


SHARES = (
    "accuracy",
    "agreement",
    "teacher_agreement",
    "mean_average_precision",
    "mean_iou",
)
# More than any model counts, weighs or takes.
MOST = 10**18
# Not in records of earlier versions.
OPTIONAL = {"teacher_agreement", "mean_average_precision", "mean_iou"}


@dataclasses.dataclass(kw_only=True)
class Row:
    """A model or a file of a run; `None` if a value does not apply.

    Args:
        name: Name, such as `"student"`.
        format: `"keras"` for a model; the format or target of a LiteRT file.
        accuracy: Fraction of the images that are classified correctly.
        agreement: Fraction of the images for which a file and its Keras model
            predict the same class.
        teacher_agreement: Fraction of the images for which a student, or its
            file, predicts the teacher's class.
        mean_average_precision: Of classifiers of several labels an image.
        mean_iou: Of maps.
        params, macs: Number of parameters and multiply-accumulates.
        bytes, gzip_bytes: Size of the file, raw and gzipped.
        latency_ms: Median time of one inference in milliseconds.

    Raises:
        ValueError: If a value is of the wrong type or out of range.

    Example:

    >>> row = Row(name="teacher", format="keras", accuracy=0.99, params=9098)
    >>> dataclasses.asdict(row)["accuracy"]
    0.99
    """

    name: str
    format: str
    accuracy: float | None = None
    agreement: float | None = None
    params: int | None = None
    macs: int | None = None
    bytes: int | None = None
    gzip_bytes: int | None = None
    latency_ms: float | None = None
    teacher_agreement: float | None = None
    mean_average_precision: float | None = None
    mean_iou: float | None = None

    def __post_init__(self):
        (_, name), (_, kind), *others = vars(self).items()
        valid = isinstance(name, str) and name.strip()
        _check(valid, "`name` of a row", "a string that is not empty", name)
        row = f"of row {name!r}"
        kinds = FORMATS + TARGETS
        _check(kind in kinds, f"`format` {row}", f"one of {kinds}", kind)
        for key, value in others:
            high = 1 if key in SHARES else MOST
            number = isinstance(value, numbers.Real) and 0 <= value <= high
            expected = f"a number from 0 to {high}, or None"
            _check(value is None or number, f"`{key}` {row}", expected, value)


def write_report(path, record):
    """Checks a record and writes it as JSON.

    The file is written atomically. NaN and infinity become null and NumPy
    numbers become Python numbers.

    Args:
        path: File to write, usually `workdir/report.json`. Missing folders are
            created.
        record: A dict. `rows` is required: a list of at least one flat dict
            with the fields of `Row`. `config`, `versions`, `seconds`,
            `history`, `channels`, `diagnosis`, `notes`,
            `skipped`, `failed`, `clients`, `mistakes` and `classes` are
            optional.

    Returns:
        The record as `read_report(path)` returns it.

    Raises:
        ValueError: If a key is missing, a value is invalid, or the folder
            cannot be written.
        OSError: If the disk fills up.

    Example:

    >>> row = dataclasses.asdict(Row(name="teacher", format="keras"))
    >>> record = write_report("run/report.json", {"rows": [row]})
    """
    record = check_record(plain(record))
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as (file,):
        file.write_text(text + "\n", "utf-8")
    return record


def read_report(path):
    """Reads and checks a record written by `write_report`.

    Args:
        path: A JSON file, or a workdir with a `report.json`.

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
        record = read_json(path)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"The report {path} cannot be read. Expected: a JSON file written "
            f"by `write_report`. Received: {error}"
        ) from error
    return check_record(plain(record))


def check_record(record):
    """Returns the record, or raises a `ValueError` if it is invalid."""
    _check(isinstance(record, dict), "a record", "a dict", record)
    rows = record.get("rows")
    _check(rows, "`rows` of a record", "a list of at least one dict", rows)
    for key, value in record.items():
        expected = f"one of {list(SECTIONS)}"
        _check(key in SECTIONS, "a key of a record", expected, key)
        kind = SECTIONS[key]
        expected = f"a {kind.__name__}"
        valid = isinstance(value, kind)
        _check(valid, f"`{key}` of a record", expected, value)
    keys = [field.name for field in dataclasses.fields(Row)]
    for row in rows:
        valid = isinstance(row, dict) and set(row) | OPTIONAL == set(keys)
        _check(valid, "a row", f"a dict with the keys {keys}", row)
        row.update(dataclasses.asdict(Row(**row)))
    pairs = [(row["name"], row["format"]) for row in rows]
    expected = "each pair of name and format once"
    _check(len(set(pairs)) == len(pairs), "the rows", expected, pairs)
    return record


def _check(valid, name, expected, received):
    if not valid:
        raise ValueError(
            f"Invalid value for {name}. Expected: {expected}. Received: "
            f"{reprlib.repr(received)}"
        )


def plain(value):
    """Converts a value to JSON types; NaN and infinity become None."""
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, str):
        # File names may not be UTF-8.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    return str(value)
