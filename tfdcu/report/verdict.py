"""The verdict on a pool: what stands out, and what to do about it."""

from tfdcu.report.words import percent

# All of these are ours. A teacher is unsure where its median confidence is
# below this part of the way from chance to certainty.
UNSURE = 0.5
# Three images of four are told apart. In 150 draws of 10 labeled images from
# a pool's own distribution, chance came no further than 0.71.
FAR = 1.0
# A teacher that is right half as often as it is sure speaks of something else.
FEWEST_LABELED = 10
RIGHT = 0.5
JUNK = 0.05
MOST_NAMES = 10


def diagnosis_in_words(diagnosis):
    """What a diagnosis found, as sentences; says only what was measured.

    Args:
        diagnosis: What `tfdcu.diagnose` returned.

    Returns:
        List of strings: what the teacher makes of the pool, then a sentence
        with what to do for all that stands out, or that nothing does.

    Example:

    >>> found = tfdcu.diagnose("teacher.keras", "digits", "printed")
    >>> print(*tfdcu.diagnosis_in_words(found), sep="\\n")
    """
    warnings = [
        sentence
        for say in (wrong, unsure, scarce, far, junk)
        if (sentence := say(diagnosis))
    ]
    return [summary(diagnosis), *(warnings or ["Nothing stands out."])]


def summary(found):
    """What was measured, without a judgement."""
    beside, apart = "", "."
    if found["num_labeled"]:
        sure = found["labeled_confidence_mean"]
        beside = f" ({sure:.2f} on {found['num_labeled']:,} labeled)"
    if found["a_distance"] is not None:
        apart = f"; A-distance {found['a_distance']:.1f} of 2."
    return (
        f"On {found['num_images']:,} images of the pool the teacher's mean "
        f"confidence is {found['confidence_mean']:.2f}{beside}; its choices "
        f"are as varied as {found['effective_classes']:.1f} classes of "
        f"{found['num_classes']:,} in equal parts; "
        f"{percent(found['junk_share'], 1)} are junk{apart}"
    )


def wrong(found):
    """A sentence where the teacher does not know the labeled images."""
    accuracy = found["labeled_accuracy"]
    if found["num_labeled"] < FEWEST_LABELED:
        return None
    if accuracy >= RIGHT * found["labeled_confidence_mean"]:
        return None
    return (
        f"The teacher is right about {percent(accuracy, 1)} of the labeled "
        "images only. Either its classes come in another order (data.classes), "
        "or it takes other pixels (data.value_range), or it is no teacher of "
        "these images."
    )


def unsure(found):
    """A sentence where the teacher does not know most of the pool."""
    chance = 1 / found["num_classes"]
    median = found["confidence_median"]
    if median >= chance + UNSURE * (1 - chance):
        return None
    return (
        "The teacher is unsure of most of the pool (median confidence "
        f"{median:.2f}): add images nearer to its classes, or label more."
    )


def scarce(found):
    """A sentence on classes that the pool lacks, or that it cannot tell."""
    num, missing = found["num_classes"], found["scarce_classes"]
    if missing is None:
        return (
            f"{found['num_images']:,} images are too few to tell which of "
            f"{num:,} classes the pool lacks; {found['enough_images']:,} would "
            "tell."
        )
    if not missing:
        return None
    names = found["classes"] or [f"class {index}" for index in range(num)]
    shown = [str(names[index]) for index in missing[:MOST_NAMES]]
    if len(missing) > MOST_NAMES:
        shown.append(f"and {len(missing) - MOST_NAMES:,} more")
    return (
        f"{len(missing):,} of {num:,} classes are hardly in the pool, by the "
        f"teacher's first choice: {', '.join(shown)}. Add images like them, "
        "or label more of them."
    )


def far(found):
    """A sentence where the pool and the labeled images look different."""
    if found["a_distance"] is None or found["a_distance"] < FAR:
        return None
    return (
        "The pool and the labeled images look different in low-level features "
        f"(A-distance {found['a_distance']:.1f} of 2): alignment is worth "
        "trying."
    )


def junk(found):
    """A sentence where much of the pool teaches nothing."""
    if found["junk_share"] < JUNK:
        return None
    return (
        f"{percent(found['junk_share'], 1)} of the pool is junk: "
        f"{found['flat']:,} flat images, {found['noise']:,} of noise and "
        f"{found['duplicates']:,} copies among {found['num_images']:,}. Take "
        "them out."
    )
