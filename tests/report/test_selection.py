"""Laws of the sentence on what was kept of a pool."""

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


def test_what_was_kept_is_said_in_a_sentence():
    assert format_selection(FOUND) == [
        "1,500 of 6,000 images of the pool (25.0 %) are kept, those most like "
        "the labeled images: the teacher's mean confidence goes from 0.80 to "
        "0.91, and its choices are as varied as 9.7 classes in equal parts, "
        "before 8.7."
    ]


def test_junk_and_a_rule_of_the_users_own_are_named():
    own = {**FOUND, "by": "farthest", "num_dropped": 1234}
    (sentence,) = format_selection(own)
    assert "are kept, by farthest, after 1,234 that were junk:" in sentence
