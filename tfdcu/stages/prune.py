"""From the teacher to the student: what is cut, at once or round by round."""

import functools

import numpy as np

from tfdcu.data import images_of
from tfdcu.export import FORMATS
from tfdcu.export import litert_latency
from tfdcu.pruning import num_rounds
from tfdcu.pruning import once_a_model
from tfdcu.pruning import plan_round
from tfdcu.pruning import student_of

# Images that tell which channels matter, and by which the rest is
# reconstructed; at most half of them are labeled.
NUM_IMAGES = 1024


def pruning_schedule(channels, *, rounds=None, epochs=0):
    """The rounds of an iterative schedule: prune a little, reconstruct, again.

    A budget of share s is met by `rounds` cuts of equal proportion: after
    round i the share is s^(i / rounds). After each but the last the student
    is trained for `epochs` epochs. The idea is that of Han et al. 2015
    (arXiv:1506.02626); equal proportions are ours.

    Args:
        channels: Dict, the keywords of `prune_channels`.
        rounds: Int, at least 1; at 1 everything is cut at once. Defaults to
            `None`: as in `prune_channels`.
        epochs: Int, at least 0, epochs of training after each round but the
            last, whose training is the run's own. Defaults to 0.

    Returns:
        List of (i / rounds, epochs of training after it).

    Raises:
        ValueError: If a number is out of range.
    """
    if epochs < 0:
        raise ValueError(
            "A student is not trained backwards between rounds of pruning. "
            f"Expected: epochs >= 0. Received: epochs={epochs}"
        )
    reconstructed = channels.get("reconstruct") is not False
    rounds = num_rounds(rounds, channels.get("importance"), reconstructed)
    return [
        (number / rounds, epochs if number < rounds else 0)
        for number in range(1, rounds + 1)
    ]


def prune(model, teacher, splits, config, part=1.0):
    """A model without the channels it needs least, and what was cut.

    It is trained whole, whatever the teacher had frozen when it was trained.

    Args:
        model: What is cut: the teacher, or the student of an earlier round.
        teacher: What the budget is a share of.
        splits: `tfdcu.data.Splits`; its images show what matters.
        config: Dict from section to dict.
        part: How much of the way to the budget, in (0, 1].

    Returns:
        (the smaller model, a `ChannelPlan`).
    """
    channels, seed = dict(config["channels"]), config["seed"]
    after = {
        name: channels.pop(name)
        for name in ("reconstruct", "reestimate")
        if name in channels
    }
    formats = config["export"].get("formats", FORMATS)
    images = sample(splits, seed)
    plan = plan_round(
        model,
        teacher,
        part,
        images=images,
        seed=seed,
        measure=_measure("int8" if "int8" in formats else None),
        **channels,
    )
    student = student_of(plan, images, seed=seed, **after)
    for layer in student._flatten_layers():
        layer.trainable = True
    return student, plan


@functools.cache
def _measure(quantization):
    """The time of a model, taken once, whichever round or trial asks."""
    return once_a_model(
        functools.partial(litert_latency, quantization=quantization)
    )


def sample(splits, seed):
    """The images by which channels are judged: of the task, then of the pool.

    The pool's are many and foreign, the labeled ones few and what the student
    is for; their labels are not used.

    Args:
        splits: `tfdcu.data.Splits`.
        seed: Int, which of the images.

    Returns:
        Float32 array (at most `NUM_IMAGES`, height, width, channels).
    """
    if splits.labeled is None:
        return images_of(splits.unlabeled, NUM_IMAGES, seed=seed)
    own = images_of(splits.labeled, NUM_IMAGES // 2, seed=seed)
    foreign = images_of(splits.unlabeled, NUM_IMAGES - len(own), seed=seed)
    return np.concatenate([own, foreign])


def rows_of(plan):
    """What a plan does, as it is kept in a run: JSON-ready."""
    return {
        "groups": plan.rows(),
        "unprunable": plan.unprunable(),
        "kept": plan.kept_channels(),
    }


def merge_plans(rounds):
    """What all rounds together cut: widths and channels of the teacher.

    Args:
        rounds: List of what `rows_of` gave, in order; may be empty.

    Returns:
        Like one of them.
    """
    if not rounds:
        return {"groups": [], "unprunable": {}, "kept": {}}
    first = {row["group"]: row["before"] for row in rounds[0]["groups"]}
    groups = [
        {**row, "before": first.get(row["group"], row["before"])}
        for row in rounds[-1]["groups"]
    ]
    kept = kept_of_all([one["kept"] for one in rounds])
    return {**rounds[-1], "groups": groups, "kept": kept}


def kept_of_all(rounds):
    """The teacher's channels that are left when every round has cut.

    Args:
        rounds: List of what `ChannelPlan.kept_channels` gave, in order, each
            of the model that the one before left.

    Returns:
        Dict from layer to indices of the teacher's channels.
    """
    whole = {}
    for kept in rounds:
        for layer, indices in kept.items():
            if layer in whole:
                indices = [whole[layer][index] for index in indices]
            whole[layer] = indices
    return whole
