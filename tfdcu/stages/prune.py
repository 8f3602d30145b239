"""The stage that makes the student: channels of the teacher are removed."""

import functools

import numpy as np

from tfdcu.data import images_of
from tfdcu.export import FORMATS
from tfdcu.export import litert_latency
from tfdcu.graph.keras_private import all_layers
from tfdcu.pruning import num_rounds
from tfdcu.pruning import once_a_model
from tfdcu.pruning import plan_round
from tfdcu.pruning import student_of

# Images that tell which channels matter, and by which the rest is
# reconstructed; at most half of them are labeled.
NUM_IMAGES = 1024


def prune(run):
    """Make the student of the teacher, round by round; nothing is trained.

    A given student is taken as it is.

    Args:
        run: A `Run`; `models["pruned"]` and `plan` are set.
    """
    parts = [] if run.given_student else pruning_schedule(run.config)
    model, plans = run.given_student or run.teacher, []
    for number, part in enumerate(parts, 1):
        name = "pruned" if part == 1 else f"pruned_{number}"
        model, plan = prune_round(run, model, part, name, number)
        plans.append(plan)
    run.models["pruned"] = run.cached_model("pruned", lambda: model)
    run.plan = merge_plans(plans)


def pruning_schedule(config):
    """How much of the way to the budget is gone after each round.

    A budget of share s is met by cuts of equal proportion: after round i of n
    the share is s^(i / n), after Han et al. 2015 (arXiv:1506.02626).

    Args:
        config: Dict from section to dict; `rounds` in `channels` counts.

    Returns:
        List of floats that ends with 1.
    """
    channels = config["channels"]
    rounds = num_rounds(
        channels.get("rounds"),
        channels.get("importance"),
        channels.get("reconstruct") is not False,
    )
    return [number / rounds for number in range(1, rounds + 1)]


def prune_round(run, model, part, name, number):
    """A model after a round and what the round cut, both kept in the run.

    Args:
        run: A `Run`.
        model: What the round before left.
        part: How much of the way to the budget, in (0, 1].
        name: Name of the model in the run.
        number: Number of the round.

    Returns:
        (model, what `rows_of` gives).
    """
    plans = []

    def make():
        smaller, plan = remove_channels(run, model, part)
        plans.append(rows_of(plan))
        run.cached_json(f"channels/{number}.json", lambda: plans[0])
        return smaller

    model = run.cached_model(name, make)
    return model, run.cached_json(f"channels/{number}.json", lambda: plans[0])


def remove_channels(run, model, part):
    """A model without the channels it needs least, and what was removed.

    It is trained whole, whatever the teacher had frozen when it was trained.

    Args:
        run, model, part: As in `prune_round`.

    Returns:
        (the smaller model, a `ChannelPlan`).
    """
    channels = dict(run.config["channels"])
    channels.pop("rounds", None)
    after = {
        name: channels.pop(name)
        for name in ("reconstruct", "reestimate")
        if name in channels
    }
    formats = run.config["export"].get("formats", FORMATS)
    images = sample(run.splits, run.seed)
    plan = plan_round(
        model,
        run.teacher,
        part,
        images=images,
        seed=run.seed,
        measure=_measure("int8" if "int8" in formats else None),
        **channels,
    )
    student = student_of(plan, images, seed=run.seed, **after)
    for layer in all_layers(student):
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
