"""Accuracy straight after pruning, by criterion: this chooses the default.

The CIFAR-10 ResNet-56 of ../shared/models is pruned to several shares of its
macs, its BatchNormalization re-estimated on unlabeled images of another set
(Tiny ImageNet at 32 px), and measured without any training: on images of the
training split, which choose the default, and on test images, which do not.
Data-driven criteria see the same unlabeled images. "taylor, cost not counted"
leaves out the division by the cost of a channel; "taylor in 4 rounds" scores
again in each round, still without training; "taylor, reconstructed" is
reconstructed on the unlabeled images at the end of each round
(`tfdcu.pruning.reconstruct`) and keeps the teacher's statistics. Finished rows
are kept; a second run adds the rest.

    python -m benchmarks.channels.accuracy            # all that are missing
    python -m benchmarks.channels.accuracy l1 taylor  # some criteria
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.channels.applications import write

HERE = Path(__file__).parent
TABLE = HERE / "accuracy.json"
SHARED = Path("../shared")
BUDGETS = 0.8, 0.6, 0.47, 0.39
NUM_IMAGES = 2000
NO_COST, ROUNDS = "taylor, cost not counted", "taylor in 4 rounds"
RECONSTRUCTED = {
    "taylor, reconstructed, 1 round": 1,
    "taylor, reconstructed, 2 rounds": 2,
    "taylor, reconstructed, 4 rounds": 4,
}
# Scores are compared across all layers. The table has rows of "local", the
# same share of every layer, and of criteria, which are options no more.
SCOPE = "global"
SEEDS = {
    name: (0, 1, 2) for name in ("random", "taylor", ROUNDS, *RECONSTRUCTED)
}


def load_images():
    """Unlabeled images, and labeled ones of both splits."""
    import numpy as np
    import tensorflow_datasets as tfds

    def take(name, split):
        data = tfds.load(
            name, split=split, data_dir=str(SHARED / "data"), download=False
        )
        rows = list(tfds.as_numpy(data))
        images = np.stack([row["image"] for row in rows]) / np.float32(255)
        return images, np.array([row.get("label", -1) for row in rows])

    pool, _ = take("tiny_imagenet32", "unlabeled[:1024]")
    train = take("cifar10", f"train[:{NUM_IMAGES}]")
    test = take("cifar10", f"test[:{NUM_IMAGES}]")
    return pool, train, test


def accuracy(model, images, labels):
    scores = model.predict(images, batch_size=250, verbose=0)
    return float((scores.argmax(-1) == labels).mean())


def plan_of_work(criteria):
    """Keys in the order of work: every criterion before the next budget."""
    for budget in (0.47, 0.6, 0.39, 0.8):
        for criterion in criteria:
            for seed in SEEDS.get(criterion, (0,)):
                yield [criterion, SCOPE, seed, budget]


def pruned(teacher, criterion, seed, budget, images):
    """One pruned student, by a criterion of tfdcu or one of the variants."""
    from tfdcu.pruning import prune_channels

    if criterion in RECONSTRUCTED:
        return prune_channels(
            teacher,
            macs=budget,
            rounds=RECONSTRUCTED[criterion],
            images=images,
            seed=seed,
        )
    options = {"images": images[:256], "seed": seed, "reconstruct": False}
    if criterion == ROUNDS:
        return prune_channels(teacher, macs=budget, rounds=4, **options)
    importance = criterion
    if criterion == NO_COST:
        importance = taylor_alone(teacher, images[:256], seed)
    return prune_channels(
        teacher, macs=budget, importance=importance, **options
    )


def taylor_alone(teacher, images, seed):
    """The scores of "taylor" as a user's own criterion, used as they are."""
    from tfdcu.pruning.groups import Groups
    from tfdcu.pruning.importance.scores import score_groups

    groups = Groups(teacher)
    free = [group for group in groups.all if group.prunable]
    scores = score_groups(groups, free, "taylor", images, seed)
    by_name = {group.name: score for group, score in zip(free, scores)}
    return lambda model, group: by_name[group.name]


def row_of(key, teacher, data):
    """One pruned student, measured."""
    from tfdcu.graph.profile import profile
    from tfdcu.pruning import reestimate_statistics

    criterion, _, seed, budget = key
    pool, train, test = data
    start = time.perf_counter()
    student = pruned(teacher, criterion, seed, budget, pool)
    seconds = time.perf_counter() - start
    if criterion not in RECONSTRUCTED:
        reestimate_statistics(student, pool)
    before, after = profile(teacher), profile(student)
    return {
        "key": key,
        "macs": after["macs"] / before["macs"],
        "params": after["params"] / before["params"],
        "train": accuracy(student, *train),
        "test": accuracy(student, *test),
        "seconds": seconds,
    }


def render(rows):
    """The table as Markdown, seeds as mean and range."""
    teacher = next(row for row in rows if row["key"][0] == "teacher")
    lines = [
        "# Accuracy straight after pruning, by criterion",
        "",
        "Written by `python -m benchmarks.channels.accuracy`. CIFAR ResNet-56 "
        "on CIFAR-10, BatchNormalization re-estimated on 1,024 unlabeled Tiny "
        "ImageNet images (not of the reconstructed), no training. Accuracy in "
        f"% on {NUM_IMAGES:,} training images / {NUM_IMAGES:,} test images; "
        "the training images choose the default. Mean over seeds where random, "
        "with the lowest and highest in brackets.",
        "",
        f"Teacher: {100 * teacher['train']:.1f} / {100 * teacher['test']:.1f}.",
        "",
        "| criterion | scope | "
        + " | ".join(f"{budget} of the macs" for budget in BUDGETS)
        + " |",
        "|---|---|" + "---:|" * len(BUDGETS),
    ]
    kinds = dict.fromkeys(tuple(r["key"][:2]) for r in rows[1:])
    for criterion, scope in kinds:
        cells = []
        for budget in BUDGETS:
            found = [
                r
                for r in rows
                if r["key"][:2] == [criterion, scope] and r["key"][3] == budget
            ]
            cells.append(_cell(found))
        lines.append(f"| {criterion} | {scope} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(rows):
    if not rows:
        return ""
    train = [100 * row["train"] for row in rows]
    test = [100 * row["test"] for row in rows]
    means = sum(train) / len(train), sum(test) / len(test)
    cell = f"{means[0]:.1f} / {means[1]:.1f}"
    if len(rows) > 1:
        cell += f" ({min(test):.1f} to {max(test):.1f})"
    return cell


def main(criteria):
    from tfdcu.models import load
    from tfdcu.pruning.importance.scores import IMPORTANCES

    path = SHARED / "models" / "resnet56_cifar10.keras"
    if not path.exists():
        sys.exit(f"Needs the teacher {path} and the data beside it.")
    rows = json.loads(TABLE.read_text()) if TABLE.exists() else []
    teacher, data = load(path), load_images()
    if not rows:
        full = {"key": ["teacher", "", 0, 1.0], "macs": 1.0, "params": 1.0}
        full["train"] = accuracy(teacher, *data[1])
        full["test"] = accuracy(teacher, *data[2])
        rows.append(full)
    done = [row["key"] for row in rows]
    for key in plan_of_work(
        criteria or (*IMPORTANCES, NO_COST, ROUNDS, *RECONSTRUCTED)
    ):
        if key in done:
            continue
        rows.append(row_of(key, teacher, data))
        write(TABLE, json.dumps(rows, indent=1) + "\n")
        write(TABLE.with_suffix(".md"), render(rows))
        print(json.dumps(rows[-1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
