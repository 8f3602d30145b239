"""Effect of pruning each group alone, measured without labels."""

import hashlib
import json
from pathlib import Path

import numpy as np
from keras import ops
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.logits import as_logits
from tfdcu.graph.logits import is_multi_label
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.scores import MOST_IMAGES
from tfdcu.pruning.importance.scores import check_importance
from tfdcu.pruning.importance.scores import default_importance
from tfdcu.pruning.importance.scores import images_of
from tfdcu.pruning.importance.scores import score_groups
from tfdcu.pruning.masked import masked
from tfdcu.workdir.arguments import COUNT
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import number
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.json_file import read_json

_, _is_between = number(0, 1, open_low=True, open_high=True)


def _are_shares(value):
    return isinstance(value, (list, tuple)) and all(map(_is_between, value))


_SHARES = "a list of numbers between 0 and 1", _are_shares


def sensitivity(
    model,
    images,
    path=None,
    *,
    shares=(0.25, 0.5, 0.75),
    importance=None,
    limit=256,
    seed=0,
):
    """Measures how pruning each group alone changes the model's outputs.

    Use it to choose `exclude` and `per_layer` of `prune_channels`, or to find
    out why a student's accuracy is low. It needs no labels: it measures the
    divergence KL(model || pruned model) of the softmax outputs; a single
    logit counts as two classes, and divergences of several labels, each of
    yes and no, are summed. Channels are masked, no model is built. Li
    et al. 2017 (arXiv:1608.08710, figure 2) prune one layer at a time in the
    same way, and measure accuracy.

    Args:
        model: A classifier with one image input; a softmax or sigmoid at
            its end is removed.
        images: Unlabeled images in any form that `fit` takes; labels are not
            read.
        path: JSON file to which every finished group is saved, so that a
            stopped run can be resumed. Defaults to `None`: no file.
        shares: Shares of a group's units to remove, each in (0, 1).
        importance: As in `prune_channels`; the least important units are
            removed. Defaults to `None`: "taylor".
        limit: Maximum number of images. Default 256.
        seed: Seed of random criteria. Default 0.

    Returns:
        Dict with `shares`, `importance`, `num_images`, `content` (a digest of
        the weights and the images), and `groups`: a list of dicts with
        `group`, `size` and `divergence` (in nats, one per share), in the
        order of the model.

    Raises:
        ValueError: If the model cannot be taken apart, images are missing or
            do not fit it, a share is not between 0 and 1, or the file is from
            a different measurement.

    Example:

    >>> record = sensitivity(teacher, pool_images, "runs/sensitivity.json")
    """
    check_arguments(("path",), model=model, path=path, seed=seed)
    check("limit", limit, COUNT)
    check("shares", shares, _SHARES)
    importance = importance or default_importance(images)
    check_importance(importance)
    classifier = as_logits(model)
    groups, labels = Groups(classifier), is_multi_label(classifier)
    images = images_of(
        groups, images, needed=True, limit=max(limit, MOST_IMAGES)
    )
    chosen = [group for group in groups.all if group.prunable]
    stack = list(batches(images, 64, limit))
    record = {
        "model": model.name,
        "content": _digest([*model.get_weights(), *tree.flatten(stack)]),
        "shares": [float(share) for share in shares],
        "importance": _name(importance),
        "num_images": sum(len(tree.flatten(b)[0]) for b in stack),
        "seed": seed,
        "groups": [],
    }
    record = _resume(record, path, [group.name for group in chosen])
    done = {row["group"] for row in record["groups"]}
    if len(done) == len(chosen):
        return record
    scores = score_groups(groups, chosen, importance, images, seed)
    everything = np.ones(groups.num_units, bool)

    def log_probabilities(kept, batch):
        return _log_softmax(masked(groups, kept)(batch), labels)

    expected = [log_probabilities(everything, batch) for batch in stack]
    for group, score in zip(chosen, scores):
        if group.name in done:
            continue
        row = {"group": group.name, "size": group.size, "divergence": []}
        for share in record["shares"]:
            kept = everything.copy()
            order = np.argsort(np.where(group.kept, np.inf, score))
            removed = order[: min(round(share * group.size), group.size - 1)]
            kept[group.units[removed]] = group.kept[removed]
            received = (log_probabilities(kept, batch) for batch in stack)
            row["divergence"].append(_divergence(expected, received))
        record["groups"].append(row)
        _save(record, path)
    return record


def _digest(arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _name(importance):
    return importance if isinstance(importance, str) else "callable"


def _log_softmax(outputs, labels):
    """(batch, classes), or (batch, labels, 2) of yes and no; float64."""
    logits = ops.cast(outputs[0], "float32")
    if labels:
        # sigmoid(z) is the softmax of (z, 0).
        logits = ops.stack([logits, ops.zeros_like(logits)], -1)
    return ops.convert_to_numpy(ops.log_softmax(logits)).astype("float64")


def _divergence(expected, received):
    """Mean KL(model || masked model) over the images, in nats."""
    total, count = 0.0, 0
    for logs, other in zip(expected, received):
        total += float((np.exp(logs) * (logs - other)).sum())
        count += len(logs)
    return total / count


def _resume(record, path, names):
    if path is None or not Path(path).exists():
        return record
    saved = read_json(path)
    differing = [
        k for k in record if k != "groups" and saved.get(k) != record[k]
    ]
    unknown = [r["group"] for r in saved["groups"] if r["group"] not in names]
    if differing or unknown:
        raise ValueError(
            "The file is from a different measurement. Expected: the same "
            f"{', '.join(k for k in record if k != 'groups')}. Received: "
            f"{path} with different {', '.join(differing) or 'groups'}."
        )
    return saved


def _save(record, path):
    if path is None:
        return
    with atomic_write(path) as (temporary,):
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
