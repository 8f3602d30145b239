"""Describe the diagnosis of a pool in sentences."""

from tfdcu.report.units import percent
from tfdcu.workdir.arguments import check

# The teacher is unsure if its median confidence is less than this share of the
# way from chance to 1.
UNSURE = 0.5
# A-distance at which three of four images are classified correctly. In 150
# draws of 10 labeled images from the distribution of the pool it was at most
# 0.71.
FAR = 1.0
# Colors differ if the means are half a standard deviation apart, or one
# deviation is 1.5 times the other. In 1,000 draws of 10 images of CIFAR-10,
# 17 had such means by chance, and none such a deviation.
MEAN_SHIFT = 0.5
DEVIATION_RATIO = 1.5
# The labeled accuracy is too low if it is less than half the mean confidence.
FEWEST_LABELED = 10
RIGHT = 0.5
JUNK = 0.05
MOST_NAMES = 10
DIAGNOSIS = (
    "the dict from `tfdcu.diagnose`",
    lambda value: isinstance(value, dict) and "num_labeled" in value,
)


def format_diagnosis(diagnosis):
    """Describes a diagnosis in sentences.

    Args:
        diagnosis: The dict from `tfdcu.diagnose`.

    Returns:
        List of strings: a summary, then a sentence with advice for each
        problem, or that no problems were found.

    Example:

    >>> found = tfdcu.diagnose("teacher.keras", "digits", "printed")
    >>> print(*tfdcu.format_diagnosis(found), sep="\\n")
    """
    check("diagnosis", diagnosis, DIAGNOSIS)
    warnings = [
        sentence
        for rule in (wrong, unsure, scarce, colors, far, junk, alone)
        if (sentence := rule(diagnosis))
    ]
    return [summary(diagnosis), *(warnings or ["No problems were found."])]


def summary(found):
    """The measured values in a sentence."""
    labeled, ending = "", "."
    if found["num_labeled"]:
        confidence = found["labeled_confidence_mean"]
        labeled = f" ({confidence:.2f} on {found['num_labeled']:,} labeled)"
    if found["a_distance"] is not None:
        ending = f"; A-distance {found['a_distance']:.1f} of 2."
    if found["scarce_classes"] is None:
        ending += (
            " At least "
            f"{found['enough_images']:,} images are needed to find classes "
            "that are missing in the pool."
        )
    return (
        f"On {found['num_images']:,} images of the pool the teacher's mean "
        f"confidence is {found['confidence_mean']:.2f}{labeled}; the "
        f"effective number of predicted classes is "
        f"{found['effective_classes']:.1f} of {found['num_classes']:,}; "
        f"{percent(found['junk_share'], 1)} are junk{ending}"
    )


def wrong(found):
    """Advice if the teacher's accuracy on the labeled images is low."""
    accuracy = found["labeled_accuracy"]
    if found["num_labeled"] < FEWEST_LABELED:
        return None
    if accuracy >= RIGHT * found["labeled_confidence_mean"]:
        return None
    range_of = "its pixel range (data.value_range), "
    if found["pixel_mean"] is None:
        range_of = ""
    return (
        f"The teacher's accuracy on the labeled images is only "
        f"{percent(accuracy, 1)}. Check the order of its classes "
        f"(data.classes), {range_of}and that it was trained for this task."
    )


def unsure(found):
    """Advice if the teacher is unsure of most of the pool."""
    chance = 1 / found["num_classes"]
    median = found["confidence_median"]
    if median >= chance + UNSURE * (1 - chance):
        return None
    return (
        "The teacher is unsure of most of the pool (median confidence "
        f"{median:.2f}): add images more like its classes, or label more."
    )


def scarce(found):
    """Advice if classes are missing in the pool."""
    num, missing = found["num_classes"], found["scarce_classes"]
    if not missing:
        return None
    names = found["classes"] or [f"class {index}" for index in range(num)]
    shown = [str(names[index]) for index in missing[:MOST_NAMES]]
    if len(missing) > MOST_NAMES:
        shown.append(f"and {len(missing) - MOST_NAMES:,} more")
    return (
        f"{len(missing):,} of {num:,} classes are rare in the pool, by the "
        f"teacher's predictions: {', '.join(shown)}. Add images of them, or "
        "label more of them."
    )


def colors(found):
    """Advice if the colors of the pool differ from the labeled images'."""
    if found["num_labeled"] < FEWEST_LABELED or found["pixel_mean"] is None:
        return None
    pool = found["pixel_mean"], found["pixel_deviation"]
    labeled = found["labeled_pixel_mean"], found["labeled_pixel_deviation"]
    if not any(map(colors_differ, *pool, *labeled)):
        return None
    return (
        "The colors of the pool differ from those of the labeled images (pixel "
        f"mean {numbers(pool[0])}, labeled {numbers(labeled[0])}; deviation "
        f"{numbers(pool[1])}, labeled {numbers(labeled[1])}): try "
        "data.match_colors=True."
    )


def colors_differ(mean, deviation, other_mean, other):
    """Whether the means or deviations of two channels differ much."""
    small, large = sorted((deviation, other))
    return (
        abs(mean - other_mean) >= MEAN_SHIFT * other > 0
        or large >= DEVIATION_RATIO * small > 0
    )


def numbers(values):
    """Formats [0.61, 0.5] as '0.61, 0.50'."""
    return ", ".join(f"{value:.2f}" for value in values)


def far(found):
    """Advice if the pool and the labeled images look different."""
    if found["a_distance"] is None or found["a_distance"] < FAR:
        return None
    return (
        "The pool and the labeled images look different in low-level features "
        f"(A-distance {found['a_distance']:.1f} of 2): add images more like "
        "the labeled ones; alignment compensates only for little of it."
    )


def junk(found):
    """Advice if much of the pool is junk."""
    if found["junk_share"] < JUNK:
        return None
    return (
        f"{percent(found['junk_share'], 1)} of the pool is junk: "
        f"{found['flat']:,} flat images, {found['noise']:,} of noise and "
        f"{found['duplicates']:,} duplicates of {found['num_images']:,}. "
        "Remove them."
    )


def alone(found):
    """Advice if no labeled image shows what the teacher is for."""
    if found["num_labeled"]:
        return None
    return (
        "Without labeled images nothing tells whether the pool looks like what "
        "the teacher was trained on. Some images of that kind in the pool help "
        "most, and need no labels."
    )
