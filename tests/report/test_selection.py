"""Sentences about a selection of pool images."""

from tfdcu.report import format_selection

FOUND = {
    "by": "nnpu",
    "num_images": 6000,
    "num_kept": 1500,
    "share_kept": 0.25,
    "num_dropped": 0,
    "confidence_mean": 0.8,
    "kept_confidence_mean": 0.912,
    "effective_classes": 8.68,
    "kept_effective_classes": 9.7,
}


def test_a_selection_is_described():
    assert format_selection(FOUND) == [
        "1,500 of 6,000 images of the pool (25.0 %) are kept, by similarity to "
        "the labeled images: the teacher's mean confidence changes from 0.80 "
        "to 0.91, the effective number of predicted classes from 8.7 to 9.7."
    ]


def test_dropped_junk_and_a_custom_rule_are_named():
    own = {**FOUND, "by": "farthest", "num_dropped": 1234}
    (sentence,) = format_selection(own)
    assert "are kept, by farthest, without 1,234 junk images:" in sentence
