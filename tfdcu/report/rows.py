"""Names of rows of a record, and their ratios to the teacher."""


def teacher_row(rows, like=None):
    """The teacher's row to compare a row with, or None.

    A Keras model is compared with the Keras teacher, a LiteRT file with the
    teacher's float32 file.
    """
    for row in rows:
        same = like is None or (row["format"] == "keras") == (
            like["format"] == "keras"
        )
        if same and is_teacher(row):
            return row
    return None


def is_teacher(row):
    """Whether a row is of the teacher: its name begins with "teacher"."""
    return row["name"].lower().startswith("teacher")


def is_student(row):
    """Whether a row is of the student: its name begins with "student"."""
    return row["name"].lower().startswith("student")


def title(row):
    """The title of a row in tables and figures: name and file format."""
    name, kind = row["name"].strip(), row["format"]
    return name if kind == "keras" or kind in name else f"{name} {kind}"


def ratio(row, rows, key):
    """A row's value divided by the teacher's, or None if one is missing.

    Macs and parameters are those of the network, so any row of the teacher is
    used; bytes and latency are compared as in `teacher_row`.
    """
    like = None if key in ("macs", "params") else row
    reference = teacher_row(rows, like)
    if reference is None or row[key] is None or not reference[key]:
        return None
    return row[key] / reference[key]
