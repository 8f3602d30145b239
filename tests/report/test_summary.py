from tests.support import tiny
from tfdcu.report import headline
from tfdcu.report import recommend


def test_without_times_the_smallest_file_is_described():
    rows = tiny.report_record()["rows"]
    assert headline(rows) == (
        "The student's float32 file keeps 75.0 % of the teacher's accuracy "
        "(60.0 % of 80.0 %) and is 2.0x smaller and 2.0x faster than the "
        "teacher's float32 file. For comparison, labels-only baseline: 40.0 %."
    )
    for row in rows:
        row["latency_ms"] = None
    assert headline(rows) == (
        "The student's int8 file keeps 75.0 % of the teacher's accuracy "
        "(60.0 % of 80.0 %) and is 8.0x smaller than the teacher's float32 "
        "file. For comparison, labels-only baseline: 40.0 %."
    )


def test_the_file_that_is_recommended_is_described():
    rows = tiny.report_record()["rows"]
    float32 = tiny.report_row(
        format="float32", accuracy=0.7, bytes=40, latency_ms=1.0, agreement=1.0
    )
    int8 = float32 | {"format": "int8", "latency_ms": 0.5, "bytes": 10}
    for agreement, kind in (1.0, "int8"), (0.9, "float32"):
        int8["agreement"] = agreement
        said = [*rows[:2], float32, int8]
        assert f"student_{kind}.tflite" in recommend(said)
        assert headline(said).startswith(f"The student's {kind} file")


def test_the_file_is_not_chosen_by_its_accuracy():
    rows = tiny.report_record()["rows"]
    rows[-2]["accuracy"] = 0.1
    assert "keeps 12.5 %" in headline(rows)


def test_the_network_is_described_without_files():
    rows = tiny.report_record()["rows"]
    assert headline([rows[0], rows[3]]) == (
        "The student keeps 75.0 % of the teacher's accuracy (60.0 % of "
        "80.0 %) and has 4.0x fewer macs and 2.0x fewer params than the "
        "teacher."
    )


def test_a_student_better_than_the_teacher():
    rows = tiny.report_record()["rows"]
    rows[3]["accuracy"] = 0.9
    said = headline([rows[0], rows[3]])
    assert "reaches 90.0 % accuracy (the teacher 80.0 %)" in said


def test_unmeasured_values_are_not_mentioned():
    rows = tiny.report_record()["rows"]
    assert headline(rows[:2]) == "This record has no student."
    assert headline([tiny.report_row(accuracy=0.5)]) == (
        "The student reaches 50.0 % accuracy."
    )
    assert "made, but not measured" in headline([tiny.report_row()])
