"""The verdict says what was measured, and what stands out of it."""

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


def test_nothing_stands_out():
    assert said() == [
        "On 2,000 images of the pool the teacher's mean confidence is 0.90 "
        "(0.99 on 50 labeled); its choices are as varied as 3.9 classes of 4 "
        "in equal parts; 0.0 % are junk; A-distance 0.4 of 2.",
        "Nothing stands out.",
    ]


def test_too_few_images_for_the_classes_are_told_beside():
    text, verdict = said(scarce_classes=None)
    assert text.endswith(
        "A-distance 0.4 of 2. Which classes the pool lacks cannot be told by "
        "fewer than 40 images."
    )
    assert verdict == "Nothing stands out."


def test_what_was_not_measured_is_not_spoken_of():
    text = " ".join(said(**ALONE))
    assert "labeled" not in text and "A-distance" not in text
    assert text.endswith("0.0 % are junk. Nothing stands out.")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"labeled_accuracy": 0.49},
            "The teacher is right about 49.0 % of the labeled images only. "
            "Either its classes come in another order (data.classes), or it "
            "takes other pixels (data.value_range), or it is no teacher of "
            "these images.",
        ),
        (
            {"confidence_median": 0.62},
            "The teacher is unsure of most of the pool (median confidence "
            "0.62): add images nearer to its classes, or label more.",
        ),
        (
            {"scarce_classes": [1, 3]},
            "2 of 4 classes are hardly in the pool, by the teacher's first "
            "choice: class 1, class 3. Add images like them, or label more "
            "of them.",
        ),
        (
            {"pixel_mean": [0.4, 0.71], "pixel_deviation": [0.2, 0.1]},
            "The pool is of another light or tint than the labeled images "
            "(mean 0.40, 0.71 and deviation 0.20, 0.10 of the pixels, 0.40, "
            "0.50 and 0.20, 0.20 there): data.match_colors=True brings it "
            "nearer.",
        ),
        (
            {"a_distance": 1.8},
            "The pool and the labeled images look different in low-level "
            "features (A-distance 1.8 of 2): add images more like the labeled "
            "ones; alignment makes up for little of it.",
        ),
        (
            {"junk_share": 0.12, "flat": 180, "noise": 40, "duplicates": 20},
            "12.0 % of the pool is junk: 180 flat images, 40 of noise and 20 "
            "copies among 2,000. Take them out.",
        ),
    ],
)
def test_what_stands_out_is_said(changes, sentence):
    assert said(**changes)[1:] == [sentence]


def test_thresholds_lie_where_they_are_said_to():
    # Half the way from 0.25, which is chance, to 1.
    quiet = {"confidence_median": 0.625, "a_distance": 0.99}
    assert said(**quiet, junk_share=0.049)[1:] == ["Nothing stands out."]
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
def test_half_a_deviation_is_another_light_in_any_channel(pool, told):
    found = dict(zip(("pixel_mean", "pixel_deviation"), pool))
    assert ("another light" in " ".join(said(**found))) == told
    # Chance draws such images where they are few.
    few = " ".join(said(**found, num_labeled=9))
    assert "another light" not in few


def test_two_classes_are_not_unsure_at_a_confidence_they_cannot_go_below():
    two = {"num_classes": 2, "confidence_median": 0.76}
    assert said(**two)[1:] == ["Nothing stands out."]


def test_names_are_shown_and_many_are_cut():
    names = [f"bird {index}" for index in range(12)]
    many = {"num_classes": 12, "classes": names, "enough_images": 120}
    text = said(**many, scarce_classes=list(range(12)))[1]
    assert "bird 0, bird 1," in text and "bird 9, and 2 more." in text
    assert "bird 10" not in text
