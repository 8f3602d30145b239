from tests.support import tiny
from tfdcu.report import headline


def test_the_smallest_file_is_described():
    assert headline(tiny.report_record()["rows"]) == (
        "The student's int8 file keeps 75.0 % of the teacher's accuracy "
        "(60.0 % of 80.0 %) and is 8.0x smaller and 1.5x slower than the "
        "teacher's float32 file. For comparison, labels-only baseline: 40.0 %."
    )


def test_the_file_is_not_chosen_by_its_accuracy():
    rows = tiny.report_record()["rows"]
    rows[-1]["accuracy"] = 0.1
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
