"""The stage that makes the student by removing channels of the teacher."""

import functools

import numpy as np

from tfdcu.data import images_of
from tfdcu.data import sample_of
from tfdcu.data.augment.augment import viewing
from tfdcu.data.sample import read_into
from tfdcu.export import FORMATS
from tfdcu.export import litert_latency
from tfdcu.graph.keras_private import all_layers
from tfdcu.pruning import check_channels
from tfdcu.pruning import num_rounds
from tfdcu.pruning import once_a_model
from tfdcu.pruning import plan_round
from tfdcu.pruning import start_at
from tfdcu.pruning import student_of
from tfdcu.report import ProgressBar

# Images that score the channels and reconstruct the pruned layers; at most
# half of them are labeled.
NUM_IMAGES = 1024
# Share of a round's time that scoring takes, about.
_SCORING = 0.2


def prune(run):
    """Prune the teacher in rounds, without training.

    A given student is used as it is.

    Args:
        run: A `Run`; `models["pruned"]` and `plan` are set.
    """
    model, plans = run.given_student, []
    if model is None:
        model, channels = start_of(run)
        cut = functools.partial(remove_channels, run, model, channels)
        parts = pruning_schedule(run.config)
        with ProgressBar("pruning", len(parts), "rounds", leave=False) as bar:
            for number, part in enumerate(parts, 1):
                name = "pruned" if part == 1 else f"pruned_{number}"

                def tell(share, done=number - 1):
                    bar.reach(done + _SCORING + (1 - _SCORING) * share)

                round_of = functools.partial(cut, model, part, tell)
                model, plan = prune_round(run, round_of, name, number)
                plans.append(plan)
    run.models["pruned"] = run.cached_model("pruned", lambda: model)
    run.plan = merge_plans(plans)


def start_of(run):
    """The teacher at the image size of the student, and what to remove.

    Args:
        run: A `Run`.

    Returns:
        (model, keywords of `prune_channels` for it).
    """
    channels = dict(run.config["channels"])
    measure = measure_of(run.config)
    size = channels.pop("image_size", None)
    return start_at(run.teacher, size, channels, measure)


def pruning_schedule(config):
    """How far toward the budget each round prunes.

    Every round removes the same proportion: with a budget of share s, the
    share after round i of n is s^(i / n). Iterative pruning is from Han et al.
    2015 (arXiv:1506.02626).

    Args:
        config: Dict from section to dict, with `rounds` in `channels`.

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


def prune_round(run, cut, name, number):
    """Prune one round; model and record are stored in the workdir.

    Args:
        run: A `Run`.
        cut: Function that returns what `remove_channels` does.
        name: Name of the model in the run.
        number: Number of the round.

    Returns:
        (model, what `rows_of` returned).
    """
    cut = functools.cache(cut)
    rows = run.cached_json(f"channels/{number}.json", lambda: rows_of(cut()[1]))
    return run.cached_model(name, lambda: cut()[0]), rows


def remove_channels(run, start, channels, model, part, tell=None):
    """Remove the channels that matter least.

    All layers of the result are trainable, even if the teacher's were not.

    Args:
        run: A `Run`.
        start, channels: From `start_of`.
        model: The model after the previous round.
        part: How far toward the budget, in (0, 1].
        tell: Function that is called with the share of the layers that are
            reconstructed.

    Returns:
        (the smaller model, a `ChannelPlan`).
    """
    channels = {k: v for k, v in channels.items() if k != "rounds"}
    reconstruct = channels.pop("reconstruct", None)
    measure = measure_of(run.config)
    if model is start and channels.get("latency"):
        check_channels(model, measure=measure, **channels)
    sized = run.splits.sized(start.input_shape[1:])
    images = sample(sized, run.seed, run.config["batches"].get("augment"))
    plan = plan_round(
        model,
        start,
        part,
        images=images,
        seed=run.seed,
        measure=measure,
        **channels,
    )
    student = student_of(plan, images, reconstruct, run.seed, tell)
    for layer in all_layers(student):
        layer.trainable = True
    return student, plan


def measure_of(config):
    """The latency measurement of a config: of int8 files if it makes them."""
    formats = config["export"].get("formats", FORMATS)
    return _measure("int8" if "int8" in formats else None)


@functools.cache
def _measure(quantization):
    """A latency measurement that all rounds and trials share."""
    return once_a_model(
        functools.partial(litert_latency, quantization=quantization)
    )


def sample(splits, seed, augment=None):
    """Images for scoring and reconstruction: labeled ones, then pool images.

    Labels are not used. Where there are fewer labeled images than places for
    them, their augmented views follow: the student must agree with its
    teacher on the task, not on the pool.

    Args:
        splits: `tfdcu.data.Splits`.
        seed: Int, decides which images are drawn.
        augment: As in `training_batches`. Defaults to `None`: no views.

    Returns:
        Float32 array (at most `NUM_IMAGES`, height, width, channels).
    """
    if splits.labeled is None:
        return images_of(splits.unlabeled, NUM_IMAGES, seed=seed)
    labeled = splits.labeled.without_labels()
    few = sample_of(labeled, NUM_IMAGES // 2, seed=seed)
    own = few.num_images
    task = NUM_IMAGES // 2 if augment else own
    pool = sample_of(splits.unlabeled, NUM_IMAGES - task, seed=seed)
    # One array, filled in parts: it is a large part of the memory.
    shape = (task + pool.num_images, *few.image_shape)
    images = np.empty(shape, few.dtype)
    read_into(images[:own], few)
    read_into(images[task:], pool)
    view = viewing(augment, few.value_range, seed)
    for start in range(own, task, few.at_once()):
        stop = min(start + few.at_once(), task)
        number, index = np.divmod(np.arange(start, stop) - own, own)
        images[start:stop] = view(images[index], index, number)
    return images


def rows_of(plan):
    """The record of a `ChannelPlan` as JSON."""
    return {
        "groups": plan.rows(),
        "unprunable": plan.unprunable(),
        "kept": plan.kept_channels(),
    }


def merge_plans(rounds):
    """One record of all rounds, in widths and channels of the teacher.

    Args:
        rounds: List of what `rows_of` returned, in order; may be empty.

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
    kept = merge_kept([one["kept"] for one in rounds])
    return {**rounds[-1], "groups": groups, "kept": kept}


def merge_kept(rounds):
    """The channels of the teacher that are left after all rounds.

    Args:
        rounds: List of what `ChannelPlan.kept_channels` returned, in order,
            each for the model after the previous round.

    Returns:
        Dict from layer to indices of the teacher's channels.
    """
    merged = {}
    for kept in rounds:
        for layer, indices in kept.items():
            if layer in merged:
                indices = [merged[layer][index] for index in indices]
            merged[layer] = indices
    return merged
