"""Sources that read the same place, found before any image is read."""

# Labeled images may be in the pool, without their labels.
_PAIRS = (
    ("labeled", "validation"),
    ("labeled", "test"),
    ("validation", "test"),
    ("validation", "unlabeled"),
    ("test", "unlabeled"),
)


def check_disjoint(sources):
    """Raises if sources that must be disjoint read the same images.

    Args:
        sources: Dict from `labeled`, `unlabeled`, `validation` and `test`, or
            some of them, to a `Source` or `None`.

    Raises:
        ValueError: If two of them have a split, file, folder or array in
            common.
    """
    for first, second in _PAIRS:
        _check_pair(first, sources.get(first), second, sources.get(second))


def _check_pair(first_key, first, second_key, second):
    if first is None or second is None:
        return
    shared = _shared_place(first.spans, second.spans)
    if shared is not None:
        raise ValueError(
            f"`{first_key}` and `{second_key}` share images. Expected: "
            f"disjoint sources or splits, 'train[:90%]' and 'train[90%:]'. "
            f"Received: {first.name} and {second.name}, both from {shared}."
        )


def _shared_place(spans, others):
    for place in {place for place, _, _ in spans}:
        for other in {other for other, _, _ in others}:
            if place != other and _nested(place, other):
                return place
            if place == other and _overlap(
                [span[1:] for span in spans if span[0] == place],
                [span[1:] for span in others if span[0] == other],
            ):
                return place
    return None


def _nested(place, other):
    if not place.startswith("folder:") or not other.startswith("folder:"):
        return False
    place, other = place.rstrip("/") + "/", other.rstrip("/") + "/"
    return place.startswith(other) or other.startswith(place)


def _overlap(ranges, others):
    """Whether any of these half-open ranges overlaps any of the others."""
    ordered = sorted(ranges + others)
    return any(
        following[0] < before[1]
        for before, following in zip(ordered, ordered[1:])
    )
