"""What a search finds on digits, next to the config it starts from; 5 seeds.

    tfdcu train-teacher --config=digits
    python -m benchmarks.search.digits

For each seed: the student of the config `digits`, and the search of
`digits_search` (20 trials). The best student of the front with at
most the macs of the default one is compared with it, on the held-out pool
images that the search uses and on the test images, which it does not use.
Writes digits.json after each seed and digits.md from it; continues after a
kill.
"""

from pathlib import Path

import numpy as np
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from benchmarks.resumable import fill
from tfdcu.search import search
from tfdcu.search.trials import Trials
from tfdcu_cli.configs import digits_search

HERE = Path(__file__).parent


def main(argv):
    del argv
    wanted = [{"seed": seed} for seed in range(options.SEEDS.value)]

    def run(seed):
        config = digits_search.get_config().to_dict()
        config |= {"teacher": options.TEACHER.value, "seed": seed}
        config["export"]["formats"] = ("float32", "int8")
        return compared(config, Path(options.RUNS.value) / str(seed))

    fill(HERE / "digits", wanted, run, as_table)


def compared(config, runs):
    """The default student and the front's at its macs, for one seed.

    Args:
        config: Dict of an experiment with a `search`.
        runs: Folder for both runs.

    Returns:
        Dict that can be written as JSON, without the seed.
    """
    config = dict(config)
    searching = config.pop("search")
    for name in ("train_teacher", "baseline"):
        config.pop(name, None)
    record = search(**config, **searching, workdir=runs / "search")
    report = tfdcu.compress(**config, workdir=runs / "default")
    default = next(
        row
        for row in report["rows"]
        if row["name"] == "student" and row["format"] == "keras"
    )
    front = [one for one in record["students"] if one["on_front"]]
    within = [one for one in front if one["macs"] <= default["macs"]]
    best = max(within, key=lambda one: one["val_agreement"], default=None)
    return {
        "default": {
            "macs": default["macs"],
            "agreement": agreement(runs / "default/student.keras", config),
            "test_accuracy": default["accuracy"],
        },
        "found": best
        and {
            "trial": best["trial"],
            "macs": best["macs"],
            "agreement": best["val_agreement"],
            "test_accuracy": best["test_accuracy"],
            "values": best["values"],
        },
        "front": [
            [one["macs"], one["val_agreement"], one["test_accuracy"]]
            for one in front
        ],
        "trials": {
            status: sum(one["status"] == status for one in record["trials"])
            for status in ("finished", "refused", "failed")
        },
        "seconds": record["seconds"],
    }


def agreement(student, config):
    """Agreement with the teacher on the pool images that are held out."""
    trials = Trials(
        config["teacher"],
        config["labeled"],
        config["unlabeled"],
        space={"channels.params": (0.1, 0.2)},
        quality="agreement",
        **{name: config[name] for name in ("data", "channels", "seed")},
    )
    return trials.objective.quality_of(student, trials.splits(trials.config))


def as_table(rows):
    """Markdown: a line a seed, their means, and what the search cost."""
    lines = [
        "| seed | default: macs | agreement | test | found: macs | agreement "
        "| test | trials | refused | trials, s | in full, s | not training |",
        "|---" * 12 + "|",
    ]
    for row in rows:
        lines.append(line(str(row["seed"]), row))
    full = [row for row in rows if row["found"]]
    mean = {
        part: {
            name: np.mean([row[part][name] for row in full])
            for name in ("macs", "agreement", "test_accuracy")
        }
        for part in ("default", "found")
        if full
    }
    for part in ("trials", "seconds"):
        mean[part] = {
            name: np.mean([row[part][name] for row in rows])
            for name in rows[0][part]
        }
    if full:
        lines.append(line("mean", mean))
    return "\n".join(lines)


def line(name, row):
    """One row of the table."""
    cells = [name]
    for part in ("default", "found"):
        if not row[part]:
            cells += ["none", "", ""]
            continue
        cells.append(f"{row[part]['macs']:,.0f}")
        for key in ("agreement", "test_accuracy"):
            cells.append(f"{row[part][key]:.2%}")
    seconds, trials = row["seconds"], row["trials"]
    cells += [f"{sum(trials.values()):g}", f"{trials['refused']:g}"]
    cells += [f"{seconds['trials']:.0f}", f"{seconds['full']:.0f}"]
    cells.append(f"{seconds['not_training_share']:.1%}")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    flags.set_default(options.TEACHER, "runs/digits/teacher.keras")
    flags.set_default(options.RUNS, "runs/search_digits")
    app.run(main)
