"""The verdict on a pool: what stands out, and what to do about it."""

from tfdcu.report.units import percent

# All of these are ours. A teacher is unsure where its median confidence is
# below this part of the way from chance to certainty.
UNSURE = 0.5
# Three images of four are told apart. In 150 draws of 10 labeled images from
# a pool's own distribution, chance came no further than 0.71.
FAR = 1.0
# Pixels of another light: means half a deviation apart, or one deviation half
# as large again as the other. In 1,000 draws of 10 images of CIFAR-10, chance
# made such means 17 times, and never such a deviation.
LIGHTER = 0.5
FAINTER = 1.5
# A teacher that is right half as often as it is sure speaks of something else.
FEWEST_LABELED = 10
RIGHT = 0.5
JUNK = 0.05
MOST_NAMES = 10


def format_diagnosis(diagnosis):
    """What a diagnosis found, as sentences; says only what was measured.

    Args:
        diagnosis: What `tfdcu.diagnose` returned.

    Returns:
        List of strings: what the teacher makes of the pool, then a sentence
        with what to do for all that stands out, or that nothing does.

    Example:

    >>> found = tfdcu.diagnose("teacher.keras", "digits", "printed")
    >>> print(*tfdcu.format_diagnosis(found), sep="\\n")
    """
    warnings = [
        sentence
        for say in (wrong, unsure, scarce, colors, far, junk)
        if (sentence := say(diagnosis))
    ]
    return [summary(diagnosis), *(warnings or ["Nothing stands out."])]


def summary(found):
    """What was measured, without a judgment."""
    beside, apart = "", "."
    if found["num_labeled"]:
        sure = found["labeled_confidence_mean"]
        beside = f" ({sure:.2f} on {found['num_labeled']:,} labeled)"
    if found["a_distance"] is not None:
        apart = f"; A-distance {found['a_distance']:.1f} of 2."
    if found["scarce_classes"] is None:
        apart += (
            " Which classes the pool lacks cannot be told by fewer than "
            f"{found['enough_images']:,} images."
        )
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
    """A sentence on classes that the pool lacks."""
    num, missing = found["num_classes"], found["scarce_classes"]
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


def colors(found):
    """A sentence where the pool is of another light or tint."""
    if found["num_labeled"] < FEWEST_LABELED:
        return None
    pool = found["pixel_mean"], found["pixel_deviation"]
    beside = found["labeled_pixel_mean"], found["labeled_pixel_deviation"]
    if not any(map(apart, *pool, *beside)):
        return None
    return (
        "The pool is of another light or tint than the labeled images (mean "
        f"{numbers(pool[0])} and deviation {numbers(pool[1])} of the pixels, "
        f"{numbers(beside[0])} and {numbers(beside[1])} there): "
        "data.match_colors=True brings it nearer."
    )


def apart(mean, deviation, other_mean, other):
    """Whether a channel's pixels differ from others' in mean or deviation."""
    small, large = sorted((deviation, other))
    return (
        abs(mean - other_mean) >= LIGHTER * other > 0
        or large >= FAINTER * small > 0
    )


def numbers(values):
    """[0.61, 0.5] as '0.61, 0.50'."""
    return ", ".join(f"{value:.2f}" for value in values)


def far(found):
    """A sentence where the pool and the labeled images look different."""
    if found["a_distance"] is None or found["a_distance"] < FAR:
        return None
    return (
        "The pool and the labeled images look different in low-level features "
        f"(A-distance {found['a_distance']:.1f} of 2): add images more like "
        "the labeled ones; alignment makes up for little of it."
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


RULES = {
    "confidence": "those of which the teacher is surest",
    "balance": "as many of each class as there are, the surest of each",
    "nnpu": "those most like the labeled images",
    "diversity": "as many from each region of the features as there are",
    "random": "drawn at random",
}


def format_selection(found):
    """What a selection kept of a pool, as sentences for the notes.

    Args:
        found: The dict that `tfdcu.select_pool` returned.

    Returns:
        List of strings.

    Example:

    >>> keep, found = tfdcu.select_pool(teacher, "digits", "printed")
    >>> print(*format_selection(found), sep="\\n")
    """
    before, after = (
        (found[f"{part}confidence_mean"], found[f"{part}effective_classes"])
        for part in ("", "kept_")
    )
    rule = RULES.get(found["by"], f"by {found['by']}")
    dropped = ""
    if found["num_dropped"]:
        dropped = f", after {found['num_dropped']:,} that were junk"
    return [
        f"{found['num_kept']:,} of {found['num_images']:,} images of the pool "
        f"({percent(found['share_kept'], 1)}) are kept, {rule}{dropped}: the "
        f"teacher's mean confidence goes from {before[0]:.2f} to "
        f"{after[0]:.2f}, and its choices are as varied as {after[1]:.1f} "
        f"classes in equal parts, before {before[1]:.1f}."
    ]
