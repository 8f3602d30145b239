"""What a run says of itself at the end."""

import numpy as np

from tfdcu.data import images_of
from tfdcu.graph.profile import profile


def format_cost(model):
    """A model's cost in a line."""
    cost = profile(model)
    return f"{cost['params']:,} parameters, {cost['macs']:,} macs"


def format_unprunable(unprunable):
    """A sentence for each layer that could not be pruned across."""
    return [
        f"{count:,} channels were kept: {why}."
        for why, count in unprunable.items()
    ]


def by_source(skipped):
    """Files that were left out, as dict from source to list."""
    found = {}
    for entry in skipped:
        found.setdefault(entry["source"], []).append(
            {"file": entry["file"], "reason": entry["reason"]}
        )
    return found


def samples(splits, num=24):
    """A few images of each kind for the report."""
    shown = {"unlabeled": images_of(splits.unlabeled, num)}
    if splits.labeled is not None:
        labels = splits.labeled.labels()
        num = min(num, len(labels))
        every = np.arange(num) * len(labels) // num
        shown["labeled"] = images_of(splits.labeled, num), labels[every]
    return shown
