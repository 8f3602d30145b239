"""The best trials, and the students that are trained in full from them."""

import numpy as np

from tfdcu.compress import compress
from tfdcu.search.objective import COSTS
from tfdcu.stages.config import SECTIONS


def winners(objective, finished, max_winners):
    """The trials of the front that are trained in full.

    Args:
        objective: The search's `Objective`.
        finished: List of outcomes with `metrics`.
        max_winners: Int, maximum number.

    Returns:
        List of outcomes by rising cost. If there is room, they include both
        ends of the front, the trial with the highest score, and the best one
        that costs no more than the first trial, the unchanged config.
    """
    points = [point(objective, one["metrics"]) for one in finished]
    scores = [one["metrics"]["score"] for one in finished]
    indices = front(points)
    # The best end of the front, and the one with the highest score.
    always = [indices[-1], max(indices, key=lambda index: scores[index])]
    for (_, cost), one in zip(points, finished):
        if int(one["trial"]) == 0:
            always += [i for i in indices if points[i][1] <= cost][-1:]
    chosen = spread_along(indices, max_winners, always)
    return [finished[index] for index in chosen]


def point(objective, metrics):
    """(quality, cost) of a trial's metrics or a student's row."""
    return metrics[f"val_{objective.quality}"], metrics[objective.cost]


def retrain(run, trials, outcome):
    """Train the student of a trial in full, with `compress`.

    Args:
        run: The search's `Workdir`.
        trials: The `Trials`.
        outcome: The trial's record.

    Returns:
        Dict with `trial`, `values`, quality and costs, `test_accuracy`,
        `folder` and `files`; or with the `reason` why it failed.
    """
    trial, values = outcome["trial"], outcome["values"]
    config = trials.full(values)
    folder = run.path / "front" / trial
    sections = {name: config[name] for name in SECTIONS}
    if trials.student is not None:
        sections["channels"] = None
    found = {"trial": trial, "values": values}
    print(f"\nTrial {trial} is on the front; training it in full.")
    try:
        report = compress(
            trials.teacher,
            **trials.sources,
            student=trials.student,
            workdir=folder,
            seed=config["seed"],
            **sections,
        )
    except (ValueError, FloatingPointError) as error:
        print(f"Trial {trial}: {error}")
        return {**found, "reason": str(error)}
    rows = {
        row["format"]: row for row in report["rows"] if row["name"] == "student"
    }
    kinds = [kind for kind in rows if kind != "keras"]
    objective, splits = trials.objective, trials.splits(config)
    counts = format_of(config, kinds)
    if counts not in kinds:
        reason = f"No {counts} file: see the notes in {folder / 'report.md'}"
        return {**found, "reason": reason}
    judged = f"student_{counts}.tflite" if objective.files else "student.keras"
    quality = objective.quality_of(folder / judged, splits)
    row = rows[counts if objective.files else "keras"]
    costs = {name: rows[counts][name] for name in COSTS}
    names = [f"student_{kind}.tflite" for kind in kinds]
    return {
        **found,
        f"val_{objective.quality}": quality,
        "score": objective.score(quality, costs[objective.cost], splits),
        **costs,
        "format": counts,
        "test_accuracy": row["accuracy"] if trials.sources["test"] else None,
        "reason": objective.refusal(costs),
        "folder": f"front/{trial}",
        "files": ["student.keras", *names],
    }


def format_of(config, kinds):
    """The format of the file that a student is measured by.

    Args:
        config: Dict of sections.
        kinds: The formats of the student's files.

    Returns:
        That which training quantized; else the first of `export.formats`.
    """
    if config["quantization"].get("weight_bits") is not None:
        return "int8_weight4" if "int8_weight4" in kinds else "int8"
    return (config["export"].get("formats") or kinds or ["float32"])[0]


def with_front(objective, students):
    """The students with `on_front` and `chosen` filled in."""
    good = [one for one in students if one["reason"] is None]
    points = [point(objective, one) for one in good]
    on_front = [good[index]["trial"] for index in front(points)]
    best = max(good, key=lambda one: one["score"], default=None)
    return [
        {
            **one,
            "on_front": one["trial"] in on_front,
            "chosen": one is best,
        }
        for one in students
    ]


def front(points):
    """Indices of the points that no other point dominates, by rising cost.

    A point dominates another if neither quality nor cost is worse and one of
    them is better. Of equal points the first is kept.

    Args:
        points: List of (quality, cost).

    Returns:
        List of indices; costs and qualities rise along it.
    """
    order = sorted(
        range(len(points)), key=lambda i: (points[i][1], -points[i][0], i)
    )
    kept, best = [], -np.inf
    for index in order:
        if points[index][0] > best:
            kept.append(index)
            best = points[index][0]
    return kept


def spread_along(indices, num, always=()):
    """At most `num` indices of a front, evenly spread.

    Args:
        indices: List, in the order of the front.
        num: Int, at least 1.
        always: Indices that are taken first; then the ends.

    Returns:
        List in the order of the front.
    """
    if len(indices) <= num:
        return list(indices)
    even = np.linspace(len(indices) - 1, 0, num).round().astype(int)
    ends = indices[-1], indices[0]
    wanted = [*always, *ends, *(indices[place] for place in even), *indices]
    taken = list(dict.fromkeys(wanted))[:num]
    return [index for index in indices if index in taken]
