"""The digits example over seeds: what each choice brings, with its spread.

    python -m benchmarks.digits.variants

Runs `configs/digits.py` once for every variant below and every seed (labels,
order and new weights move; the teacher stays), in `runs/benchmarks/digits`,
where a killed benchmark goes on. Adds what is missing to `variants.json` and
draws `variants.md` from it, beside this file. Test accuracy is that of the last
epoch, read once a run.
"""

import json
import statistics
from pathlib import Path

from absl import app
from absl import flags

import tfdcu
from configs import digits

SEEDS = flags.DEFINE_integer("seeds", 5, "Seeds 0 to this many are run.")
ONLY = flags.DEFINE_list("only", [], "Variants to run; all when empty.")

HERE = Path(__file__).parent
RUNS = Path("runs/benchmarks/digits")

# Name: what it changes in the config.
VARIANTS = {
    "default": {},
    "channels by l2": {"channels": {"importance": "l2"}},
    "in 3 rounds": {"iterative": {"rounds": 3, "epochs": 3}},
    "4 stored views": {"targets": {"views": 4}},
    "no alignment": {"transfer": {"align_weight": 0.0}},
    "alignment x10": {"transfer": {"align_weight": 1.0}},
    "align by coral": {"transfer": {"align": "coral", "align_weight": 1.0}},
    "align by mmd": {"transfer": {"align": "mmd", "align_weight": 1.0}},
    "no labels": {"labeled": None, "data": {"labels_per_class": None}},
    "BatchNorm split": {"transfer": {"batchnorm": "split"}},
    "BatchNorm labeled_only": {"transfer": {"batchnorm": "labeled_only"}},
    "reestimate on labeled": {"reestimate": {"images": "labeled"}},
    "ema 0.99": {"training": {"ema": 0.99}},
}


def run(name, change, seed):
    """One run of the corridor; a flat dict of what is compared."""
    config = digits.get_config()
    config.seed = seed
    config.baseline = name == "default"
    config.export.formats = ("float32", "int8")
    config.update(change)
    config.teacher = str(RUNS / "teacher.keras")
    config = config.to_dict()
    tfdcu.train_teacher(config["teacher"], **config.pop("train_teacher"))
    record = tfdcu.compress(
        **config, workdir=RUNS / f"{name}-{seed}".replace(" ", "_")
    )
    rows = {(row["name"], row["format"]): row for row in record["rows"]}
    teacher, int8 = rows["teacher", "float32"], rows["student", "int8"]
    float32 = rows["student", "float32"]
    return {
        "variant": name,
        "seed": seed,
        "teacher": rows["teacher", "keras"]["accuracy"],
        "labels_only": rows.get(("labels only", "keras"), {}).get("accuracy"),
        "student": rows["student", "keras"]["accuracy"],
        "int8": int8["accuracy"],
        "float32_smaller": teacher["bytes"] / float32["bytes"],
        "float32_faster": teacher["latency_ms"] / float32["latency_ms"],
        "int8_smaller": teacher["bytes"] / int8["bytes"],
        "int8_faster": teacher["latency_ms"] / int8["latency_ms"],
        "transfer_seconds": record["seconds"]["transfer"],
    }


def table(results):
    """Markdown: a variant a line, mean and range over the seeds."""
    lines = [
        "| variant | seeds | labels only | student | student int8 |",
        "|---|---|---|---|---|",
    ]
    for name in VARIANTS:
        own = [result for result in results if result["variant"] == name]
        if not own:
            continue
        cells = [spread(own, key) for key in ("labels_only", "student", "int8")]
        lines.append(f"| {name} | {len(own)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(results, key):
    """Mean, and lowest to highest, in percent."""
    values = [100 * r[key] for r in results if r[key] is not None]
    if not values:
        return "–"
    return (
        f"{statistics.mean(values):.2f} ({min(values):.1f} to "
        f"{max(values):.1f})"
    )


def main(argv):
    del argv
    file = HERE / "variants.json"
    results = json.loads(file.read_text()) if file.exists() else []
    done = {(result["variant"], result["seed"]) for result in results}
    for seed in range(SEEDS.value):
        for name, change in VARIANTS.items():
            if ONLY.value and name not in ONLY.value or (name, seed) in done:
                continue
            results.append(run(name, change, seed))
            file.write_text(json.dumps(results, indent=1) + "\n")
            (HERE / "variants.md").write_text(page(results))
    print(table(results))


def page(results):
    """The committed text: the command, the table, how it was measured."""
    own = [result for result in results if result["variant"] == "default"]
    gains = ", ".join(
        f"{key.replace('_', ' ')} {statistics.median(r[key] for r in own):.1f}x"
        for key in own[0]
        if key.endswith(("smaller", "faster"))
    )
    return (
        "# Digits, five labels a class\n\n"
        "`python -m benchmarks.digits.variants`\n\n"
        "Test accuracy in percent, last epoch: mean (lowest to highest) over "
        "the seeds. The teacher, the same for all, has "
        f"{100 * own[0]['teacher']:.1f}.\n\n"
        f"{table(results)}\n\n"
        "Against the teacher's float32 file, median over the seeds of the "
        f"default: {gains}.\n"
    )


if __name__ == "__main__":
    app.run(main)
