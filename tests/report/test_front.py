import io

import numpy as np
import pytest
from PIL import Image

from tfdcu.report import front
from tfdcu.report import style


def student(trial, quality, macs, **changes):
    return {
        "trial": trial,
        "values": {"channels.macs": 0.123456, "training.epochs": 3},
        "val_agreement": quality,
        "score": quality,
        "macs": macs,
        "params": 100,
        "bytes": 2000,
        "latency_ms": 0.5,
        "test_accuracy": 0.75,
        "reason": None,
        "on_front": True,
        "chosen": False,
        **changes,
    }


def record(**changes):
    trials = [
        {"status": "finished", "metrics": {"val_agreement": 0.5, "macs": 90}},
        {"status": "finished", "metrics": {"val_agreement": 0.6, "macs": 300}},
        {"status": "refused", "metrics": {}},
        {"status": "failed", "metrics": {}},
    ]
    return {
        "quality": "agreement",
        "cost": "macs",
        "limits": {"macs": 500},
        "teacher": {"quality": 1.0, "macs": 1000, "params": 400},
        "trials": trials,
        "students": [
            student("2", 0.9, 400, chosen=True),
            student("0", 0.8, 100),
            student("1", 0.7, 200, on_front=False),
            student("4", 0.95, 700, on_front=False, reason="too large"),
            {"trial": "3", "values": {}, "reason": "loss is nan"}
            | {"on_front": False, "chosen": False},
        ],
        **changes,
    }


def drawn(found):
    kept = []

    def keep(new_figure):
        kept.append(front._draw(new_figure, found))
        return kept[0]

    style.draw(keep)
    return kept[0]


def test_the_table_lists_teacher_and_students_by_cost():
    lines = front.front_table(record()).splitlines()
    names = [line.split("|")[1].strip() for line in lines if "|" in line]
    assert names[2:] == [
        "teacher",
        "trial 0",
        "trial 1, not on the front",
        "trial 2, chosen",
        "trial 4, over a limit",
    ]
    widths = {len(line) for line in lines if line.startswith("|")}
    assert len(widths) == 1
    assert "channels.macs=0.1235, training.epochs=3" in lines[3]
    assert "90.00 %" in lines[5] and "75.00 %" in lines[5]


def test_the_notes_count_the_trials_and_name_students_that_failed():
    text = front.front_table(record())
    assert "4 trials: 2 finished, 1 refused, 1 failed." in text
    assert "Trial 3 has no student: loss is nan" in text


def test_the_picture_shows_trials_front_choice_and_teacher_in_their_places():
    (axes,) = drawn(record()).axes
    lines = {line.get_label(): line for line in axes.lines}
    expected = {
        "trials": [(90, 50), (300, 60)],
        "dominated": [(200, 70), (700, 95)],
        "front, trained in full: trials 0, 2": [(100, 80), (400, 90)],
        "chosen: trial 2": [(400, 90)],
        "teacher": [(1000, 100)],
    }
    for label, places in expected.items():
        np.testing.assert_allclose(lines[label].get_xydata(), places)
    assert list(lines["limit"].get_xdata()) == [500, 500]
    texts = [text.get_text() for text in axes.get_xticklabels()]
    assert {"100", "1.00 k"} <= set(texts)


@pytest.mark.parametrize("students", [[], [student("0", 0.5, 1000)]])
def test_few_or_no_students_can_be_drawn(students):
    png = front.front_figure(record(students=students))
    assert Image.open(io.BytesIO(png)).size[0] > 800
