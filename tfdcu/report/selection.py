"""What was kept of a pool, in a sentence."""

from tfdcu.report.words import percent

RULES = {
    "confidence": "those of which the teacher is surest",
    "balance": "as many of each class as there are, the surest of each",
    "nnpu": "those most like the labeled images",
    "diversity": "as many from each region of the features as there are",
    "random": "drawn at random",
}


def selection_in_words(found):
    """What a selection kept of a pool, as sentences for the notes.

    Args:
        found: The dict that `tfdcu.select_pool` returned.

    Returns:
        List of strings.

    Example:

    >>> keep, found = tfdcu.select_pool(teacher, "digits", "printed")
    >>> print(*selection_in_words(found), sep="\\n")
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
