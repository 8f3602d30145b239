from tests.support import tiny
from tfdcu.report import recommend


def row(kind, milliseconds, size, follows=0.9, **more):
    return tiny.report_row(
        format=kind,
        latency_ms=milliseconds,
        bytes=size,
        teacher_agreement=follows,
        **more,
    )


def shipped(*rows):
    return recommend(rows).removeprefix("Ship student_").split(".tflite")[0]


def test_the_fastest_is_shipped():
    rows = row("float32", 2.0, 40), row("dynamic", 3.0, 9), row("int8", 1.0, 10)
    assert recommend(rows) == (
        "Ship student_int8.tflite (1.00 ms here, 0.01 kB): it chooses the "
        "teacher's class in 90.0 % of the images and is the fastest of those "
        "that do about as often."
    )


def test_of_files_about_as_fast_the_smallest_is_shipped():
    files = row("float32", 1.0, 40), row("weight8", 1.08, 10)
    assert shipped(*files) == "weight8"
    assert shipped(files[0], row("weight8", 1.2, 10)) == "float32"


def test_a_file_that_follows_the_teacher_less_is_left_out():
    rows = row("float32", 2.0, 40), row("int8", 1.0, 10, follows=0.87)
    assert shipped(*rows) == "float32"
    assert shipped(rows[0], row("int8", 1.0, 10, follows=0.885)) == "int8"
    assert recommend(rows).endswith(
        "Left out, since they do less often: int8 (87.0 %, 1.00 ms here, "
        "0.01 kB)."
    )


def test_images_that_change_sides_alone_do_not_matter():
    files = row("float32", 2.0, 40, agreement=1.0), row("int8", 1.0, 10)
    assert shipped(files[0], files[1] | {"agreement": 0.95}) == "int8"


def test_earlier_records_tell_the_agreement_with_the_keras_student():
    files = (
        row("float32", 2.0, 40, follows=None, agreement=1.0),
        row("int8", 1.0, 10, follows=None, agreement=0.99),
    )
    assert "it chooses the Keras student's class in 99.0 %" in recommend(files)
    assert shipped(files[0], files[1] | {"agreement": 0.97}) == "float32"


def test_labels_choose_nothing():
    right = row("float32", 2.0, 40, accuracy=1.0)
    assert shipped(right, row("int8", 1.0, 10, accuracy=0.0)) == "int8"


def test_files_for_one_place_are_named_beside():
    rows = row("int8", 1.0, 10), row("web", 0.5, 9)
    said = recommend(rows)
    assert shipped(*rows) == "int8"
    assert said.endswith("one place each: web: student_web.tflite.")


def test_nothing_to_recommend():
    assert recommend([tiny.report_row("teacher", "float32")]) == ""
