"""What the student newly mistakes, by hand."""

import numpy as np

from tests.support import tiny
from tfdcu.data import open_source
from tfdcu.stages.mistakes import example_images
from tfdcu.stages.mistakes import find_mistakes

LABELS = np.array([0, 0, 0, 1, 1, 2])
TEACHER = np.array([0, 0, 1, 1, 1, 2])
STUDENT = np.array([2, 2, 0, 1, 0, 2])
CLASSES = ["cat", "dog", "owl"]


def test_new_mistakes_are_those_that_the_teacher_does_not_make():
    found = find_mistakes(TEACHER, STUDENT, LABELS, CLASSES)
    assert found["new"] == 3
    assert found["pairs"] == [
        {"class": "cat", "taken_for": "owl", "images": 2},
        {"class": "dog", "taken_for": "cat", "images": 1},
    ]
    assert [one["image"] for one in found["examples"]] == [0, 1, 4]
    assert found["by_class"] == [
        {"class": "cat", "images": 3, "teacher": 2 / 3, "student": 1 / 3},
        {"class": "dog", "images": 2, "teacher": 1.0, "student": 0.5},
        {"class": "owl", "images": 1, "teacher": 1.0, "student": 1.0},
    ]


def test_without_labels_they_are_the_differences():
    found = find_mistakes(TEACHER, STUDENT, None)
    assert found["new"] == 4 and found["by_class"] == []
    assert {"class": "1", "taken_for": "0", "images": 2} in found["pairs"]


def test_examples_show_every_confusion_and_stand_with_their_caption():
    student = np.where(np.arange(40) == 30, 2, 1)
    found = find_mistakes(np.zeros(40, int), student, None, CLASSES)
    assert [one["image"] for one in found["examples"]] == [0, 1, 2, 30]
    images = tiny.images(40)
    found["examples"].reverse()
    shown, captions = example_images(found, open_source(images, labeled=False))
    np.testing.assert_array_equal(shown, images[[30, 2, 1, 0]])
    assert captions[0] == "cat\n→ owl" and captions[1] == "cat\n→ dog"
    assert example_images(find_mistakes(LABELS, LABELS, None), None) == ()
