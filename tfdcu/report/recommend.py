"""Which of the student's files to ship, and why."""

from tfdcu.report import units
from tfdcu.report.record import TARGETS
from tfdcu.report.rows import is_student

# A file that agrees less than the best by more than this is not recommended,
# of the images of which the Keras student is sure: of the others its first two
# classes are almost equal, and a file that is as accurate changes many.
AGREEMENT = 0.02
# Files whose times differ by less than this share are equally fast.
AS_FAST = 0.1


def recommend(rows):
    """The file to ship, in a sentence, and those made for one place.

    Labels play no part in it, so that test images choose nothing: of the files
    that agree with the Keras student as well as the best one, up to two
    percent of the images of which the student is sure, it is the fastest, and
    of those about as fast the smallest.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        A string, empty if the student has no file that was timed.

    Example:

    >>> recommend(read_report("runs/digits")["rows"])
    'Ship student_int8.tflite (0.0027 ms here, 11.1 kB): it is the fastest ...'
    """
    places = [
        f"{row['format']}: {_file(row)}"
        for row in rows
        if is_student(row) and row["latency_ms"] and row["format"] in TARGETS
    ]
    sentences = [_general(rows)]
    if places:
        sentences.append(f"Made for one place each: {', '.join(places)}.")
    return " ".join(filter(None, sentences))


def file_to_ship(rows):
    """The row of the file that `recommend` names, or `None`."""
    quick = _quick(_true(_timed(rows)))
    return min(quick, key=lambda row: row["bytes"], default=None)


def _timed(rows):
    """The student's timed files that are not made for one place."""
    return [
        row
        for row in rows
        if is_student(row)
        and row["latency_ms"]
        and row["format"] not in (*TARGETS, "keras")
    ]


def _true(files):
    """Those that agree with the Keras student about as well as the best."""
    best = max(map(_sure_agreement, files), default=0)
    return [r for r in files if _sure_agreement(r) >= best - AGREEMENT]


def _sure_agreement(row):
    """Where the student is sure; records of earlier versions do not tell."""
    shares = row["sure_agreement"], row["agreement"], 0.0
    return next(share for share in shares if share is not None)


def _quick(files):
    """Those that are about as fast as the fastest."""
    fastest = min((row["latency_ms"] for row in files), default=0)
    return [r for r in files if r["latency_ms"] <= (1 + AS_FAST) * fastest]


def _general(rows):
    chosen, files = file_to_ship(rows), _timed(rows)
    if chosen is None:
        return ""
    true = _true(files)
    why = (
        "the smallest of the fastest"
        if len(_quick(true)) > 1
        else "the fastest"
    )
    what = "images" if chosen.get("mean_iou") is None else "positions"
    share, sure = (
        units.percent(one, 1)
        for one in (chosen["agreement"] or 0, _sure_agreement(chosen))
    )
    where = ""
    if sure != share:
        where = f", and in {sure} of those of which the student is sure,"
    said = (
        f"Ship {_file(chosen)} ({_cost(chosen)}): it chooses the Keras "
        f"student's class in {share} of the {what}{where} and is "
        f"{why} of those that agree as well."
    )
    left = [
        f"{row['format']} ({units.percent(_sure_agreement(row), 1)}, "
        f"{_cost(row)})"
        for row in files
        if row not in true
    ]
    if left:
        said += f" Left out for their agreement: {', '.join(left)}."
    return said


def _cost(row):
    time, size = row["latency_ms"], row["bytes"]
    return f"{units.milliseconds(time)} here, {units.size(size)}"


def _file(row):
    return f"student_{row['format']}.tflite"
