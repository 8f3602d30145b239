"""Sentences about a diagnosis."""

import pytest

from tfdcu.report import format_diagnosis

PLAIN = {
    "num_images": 2000,
    "num_labeled": 50,
    "num_classes": 4,
    "classes": None,
    "confidence_mean": 0.9,
    "confidence_median": 0.95,
    "labeled_confidence_mean": 0.99,
    "labeled_accuracy": 0.5,
    "enough_images": 40,
    "effective_classes": 3.9,
    "scarce_classes": [],
    "a_distance": 0.4,
    "pixel_mean": [0.4, 0.5],
    "pixel_deviation": [0.2, 0.2],
    "labeled_pixel_mean": [0.4, 0.5],
    "labeled_pixel_deviation": [0.2, 0.2],
    "flat": 0,
    "noise": 0,
    "duplicates": 0,
    "junk_share": 0.0,
}
ALONE = {
    "num_labeled": 0,
    "labeled_confidence_mean": None,
    "labeled_accuracy": None,
    "a_distance": None,
    "labeled_pixel_mean": None,
    "labeled_pixel_deviation": None,
}


def said(**changes):
    return format_diagnosis({**PLAIN, **changes})


def test_no_problems():
    assert said() == [
        "On 2,000 images of the pool the teacher's mean confidence is 0.90 "
        "(0.99 on 50 labeled); the effective number of predicted classes is "
        "3.9 of 4; 0.0 % are junk; A-distance 0.4 of 2.",
        "No problems were found.",
    ]


def test_too_few_images_to_find_missing_classes():
    text, verdict = said(scarce_classes=None)
    assert text.endswith(
        "A-distance 0.4 of 2. At least 40 images are needed to find classes "
        "that are missing in the pool."
    )
    assert verdict == "No problems were found."


def test_unmeasured_values_are_not_mentioned():
    text, advice = said(**ALONE)
    assert "labeled" not in text and "A-distance" not in text
    assert text.endswith("0.0 % are junk.")
    assert advice == (
        "Without labeled images nothing tells whether the pool looks like what "
        "the teacher was trained on. Some images of that kind in the pool help "
        "most, and need no labels."
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"labeled_accuracy": 0.49},
            "The teacher's accuracy on the labeled images is only 49.0 %. "
            "Check the order of its classes (data.classes), its pixel range "
            "(data.value_range), and that it was trained for this task.",
        ),
        (
            {"confidence_median": 0.62},
            "The teacher is unsure of most of the pool (median confidence "
            "0.62): add images more like its classes, or label more.",
        ),
        (
            {"scarce_classes": [1, 3]},
            "2 of 4 classes are rare in the pool, by the teacher's "
            "predictions: class 1, class 3. Add images of them, or label more "
            "of them.",
        ),
        (
            {"pixel_mean": [0.4, 0.71], "pixel_deviation": [0.2, 0.1]},
            "The colors of the pool differ from those of the labeled images "
            "(pixel mean 0.40, 0.71, labeled 0.40, 0.50; deviation 0.20, 0.10, "
            "labeled 0.20, 0.20): try data.match_colors=True.",
        ),
        (
            {"a_distance": 1.8},
            "The pool and the labeled images look different in low-level "
            "features (A-distance 1.8 of 2): add images more like the labeled "
            "ones; alignment compensates only for little of it.",
        ),
        (
            {"junk_share": 0.12, "flat": 180, "noise": 40, "duplicates": 20},
            "12.0 % of the pool is junk: 180 flat images, 40 of noise and 20 "
            "duplicates of 2,000. Remove them.",
        ),
    ],
)
def test_each_problem_has_a_sentence(changes, sentence):
    assert said(**changes)[1:] == [sentence]


def test_thresholds():
    # Half the way from 0.25, which is chance, to 1.
    quiet = {"confidence_median": 0.625, "a_distance": 0.99}
    assert said(**quiet, junk_share=0.049)[1:] == ["No problems were found."]
    loud = {"confidence_median": 0.624, "a_distance": 1.0, "junk_share": 0.05}
    assert len(said(**loud)) == 4


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        (([0.49, 0.5], [0.2, 0.2]), False),
        (([0.51, 0.5], [0.2, 0.2]), True),
        (([0.4, 0.39], [0.2, 0.2]), True),
        (([0.4, 0.5], [0.2, 0.29]), False),
        (([0.4, 0.5], [0.2, 0.31]), True),
        (([0.4, 0.5], [0.13, 0.2]), True),
    ],
)
def test_colors_differ_by_half_a_deviation_in_any_channel(pool, told):
    found = dict(zip(("pixel_mean", "pixel_deviation"), pool))
    assert ("colors of the pool differ" in " ".join(said(**found))) == told
    # Chance draws such images where they are few.
    few = " ".join(said(**found, num_labeled=9))
    assert "colors of the pool differ" not in few


def test_unsure_is_relative_to_chance_for_two_classes():
    two = {"num_classes": 2, "confidence_median": 0.76}
    assert said(**two)[1:] == ["No problems were found."]


def test_at_most_ten_class_names_are_shown():
    names = [f"bird {index}" for index in range(12)]
    many = {"num_classes": 12, "classes": names, "enough_images": 120}
    text = said(**many, scarce_classes=list(range(12)))[1]
    assert "bird 0, bird 1," in text and "bird 9, and 2 more." in text
    assert "bird 10" not in text
