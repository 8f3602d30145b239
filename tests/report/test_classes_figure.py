from tests.report.test_figures import drawn
from tfdcu.report import classes_figure as module


def test_the_classes_that_lose_most_come_first():
    rows = [
        {"class": name, "images": 5, "teacher": 0.9, "student": student}
        for name, student in (("dog", 0.9), ("cat", 0.4), ("owl", 0.8))
    ]
    png = module.classes_figure(rows)
    assert png.startswith(b"\x89PNG")
    ordered = sorted(rows, key=lambda row: row["student"])
    (axes,) = drawn(module._draw, ordered).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["cat (5)", "owl (5)", "dog (5)"]
    assert png == module.classes_figure(ordered)
    assert module.classes_figure([]) is None
