"""Which of the student's files to ship, and why."""

from tfdcu.report import units
from tfdcu.report.record import TARGETS
from tfdcu.report.rows import is_student

# A file that agrees less than the best by more than this is not recommended:
# where int8 is as accurate, it still changes about one photo in a hundred.
AGREEMENT = 0.02
# Files whose times differ by less than this share are equally fast.
AS_FAST = 0.1


def recommend(rows):
    """The file to ship, in a sentence, and those made for one place.

    Labels play no part in it, so that test images choose nothing: of the files
    that agree with the Keras student as well as the best one, up to two
    percent of the images, it is the fastest, and of those about as fast the
    smallest.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        A string, empty if the student has no file that was timed.

    Example:

    >>> recommend(read_report("runs/digits")["rows"])
    'Ship student_int8.tflite (0.0027 ms here, 11.1 kB): it is the fastest ...'
    """
    files = [row for row in rows if is_student(row) and row["latency_ms"]]
    sentences = [_general([r for r in files if r["format"] not in TARGETS])]
    places = [
        f"{row['format']}: {_file(row)}"
        for row in files
        if row["format"] in TARGETS
    ]
    if places:
        sentences.append(f"Made for one place each: {', '.join(places)}.")
    return " ".join(filter(None, sentences))


def _general(files):
    if not files:
        return ""
    best = max(row["agreement"] or 0 for row in files)
    true = [r for r in files if (r["agreement"] or 0) >= best - AGREEMENT]
    fastest = min(row["latency_ms"] for row in true)
    quick = [
        row for row in true if row["latency_ms"] <= (1 + AS_FAST) * fastest
    ]
    chosen = min(quick, key=lambda row: row["bytes"])
    why = "the fastest"
    if len(quick) > 1:
        why = "the smallest of the fastest"
    time, size = chosen["latency_ms"], chosen["bytes"]
    said = (
        f"Ship {_file(chosen)} ({units.milliseconds(time)} here, "
        f"{units.size(size)}): it chooses the Keras student's class in "
        f"{units.percent(chosen['agreement'] or 0, 1)} of the images and is "
        f"{why} of those that agree as well."
    )
    left = [row["format"] for row in files if row not in true]
    if left:
        said += f" Left out for their agreement: {', '.join(left)}."
    return said


def _file(row):
    return f"student_{row['format']}.tflite"
