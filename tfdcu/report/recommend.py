"""Which of the student's files to ship, and why."""

from tfdcu.report import units
from tfdcu.report.record import TARGETS
from tfdcu.report.rows import is_student

# A file that chooses the teacher's class less often than the best one by more
# than this is not recommended. Among a few hundred images files that are as
# good differ by a point by chance: classes that are almost equal change sides.
AGREEMENT = 0.02
# Files whose times differ by less than this share are equally fast.
AS_FAST = 0.1


def recommend(rows):
    """The file to ship, in a sentence, and those made for one place.

    Labels play no part in it, so that test images choose nothing: of the files
    that choose the teacher's class as often as the best one, up to two percent
    of the images, it is the fastest, and of those about as fast the smallest.

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
    """Those that choose the teacher's class about as often as the best."""
    best = max(map(_follows, files), default=0)
    return [row for row in files if _follows(row) >= best - AGREEMENT]


def _follows(row):
    """How often a file chooses the teacher's class.

    Records of earlier versions tell how often the Keras student's.
    """
    shares = row["teacher_agreement"], row["agreement"], 0.0
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
    whose = "teacher"
    if chosen["teacher_agreement"] is None:
        whose = "Keras student"
    said = (
        f"Ship {_file(chosen)} ({_cost(chosen)}): it chooses the {whose}'s "
        f"class in {_share(chosen)} of the {what} and is {why} of those that "
        "do about as often."
    )
    left = [
        f"{row['format']} ({_share(row)}, {_cost(row)})"
        for row in files
        if row not in true
    ]
    if left:
        said += f" Left out, since they do less often: {', '.join(left)}."
    return said


def _share(row):
    return units.percent(_follows(row), 1)


def _cost(row):
    time, size = row["latency_ms"], row["bytes"]
    return f"{units.milliseconds(time)} here, {units.size(size)}"


def _file(row):
    return f"student_{row['format']}.tflite"
