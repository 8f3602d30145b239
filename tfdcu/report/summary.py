"""The result of a run in one or two sentences."""

from tfdcu.report import units
from tfdcu.report.recommend import file_to_ship
from tfdcu.report.rows import is_student
from tfdcu.report.rows import is_teacher
from tfdcu.report.rows import ratio
from tfdcu.report.rows import teacher_row


def headline(rows):
    """The accuracy and the savings of the student in one or two sentences.

    All numbers are of the file worth shipping, see `recommend`, which is not
    chosen by its test accuracy; of the smallest file if none was timed, and of
    the Keras student if there is none. Size and latency are compared with the
    teacher's float32 file. A second sentence gives the accuracy of the
    labels-only baseline, if there is one.

    Args:
        rows: The `rows` of a record, see `write_report`.

    Returns:
        A string.

    Example:

    >>> headline(read_report("runs/digits")["rows"])
    "The student's int8 file keeps 98.2 % of the teacher's accuracy ..."
    """
    students = [row for row in rows if is_student(row)]
    if not students:
        return "This record has no student."
    files = [
        row for row in students if row["bytes"] and row["format"] != "keras"
    ]
    student = file_to_ship(rows) or min(
        files, key=lambda row: row["bytes"], default=students[0]
    )
    kind = student["format"]
    subject = "The student" + ("" if kind == "keras" else f"'s {kind} file")
    clauses = [*_accuracy(student, rows), *_savings(student, rows)]
    if not clauses:
        return f"{subject} was made, but not measured."
    sentences = [f"{subject} {_join(clauses)}."]
    for row in rows:
        if not is_student(row) and not is_teacher(row) and row["accuracy"]:
            reached = units.percent(row["accuracy"], 1)
            sentences.append(f"For comparison, {row['name']}: {reached}.")
    return " ".join(sentences)


def _accuracy(student, rows):
    teacher = teacher_row(rows)
    reached = student["accuracy"]
    if reached is None:
        return []
    if teacher is None or not teacher["accuracy"]:
        return [f"reaches {units.percent(reached, 1)} accuracy"]
    both = units.percent(reached, 1), units.percent(teacher["accuracy"], 1)
    if reached > teacher["accuracy"]:
        return ["reaches {} accuracy (the teacher {})".format(*both)]
    kept = units.percent(reached / teacher["accuracy"], 1)
    return [f"keeps {kept} of the teacher's accuracy ({both[0]} of {both[1]})"]


def _savings(student, rows):
    keys = ("macs", "params")
    verb, against = "has", "the teacher"
    if student["format"] != "keras":
        keys = ("bytes", "latency_ms")
        verb, against = "is", "the teacher's float32 file"
    ratios = {key: ratio(student, rows, key) for key in keys}
    said = [units.compared(key, times) for key, times in ratios.items()]
    said = [text for text in said if text and not text.startswith("same")]
    return [f"{verb} {_join(said)} than {against}"] if said else []


def _join(parts):
    return " and ".join(parts)
