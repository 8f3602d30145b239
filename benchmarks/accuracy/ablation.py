"""The ablation: the effect of each step of the method on accuracy.

    python -m benchmarks.accuracy.ablation --example=digits \\
        --teacher=runs/digits/teacher.keras --seeds=10
    python -m benchmarks.accuracy.ablation --example=cifar10 \\
        --teacher=resnet56_cifar10.keras --data_dir=tensorflow_datasets
    python -m benchmarks.accuracy.ablation ... --rows="5 everything" --seeds=1

Every row is a run of `tfdcu.compress` in a folder of its own: a killed
benchmark continues, and rows in the JSON file are not run again. Rows with the
same views share the teacher's stored targets. The student is the teacher
pruned to the config's budget. Test accuracy is that of the
last epoch, the test images read once; labels, initial weights and order move
with the seed. Writes `<example>.json`, the page `<example>.md` and its pictures
beside this file.
"""

import json
from pathlib import Path

from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from benchmarks.accuracy import steps
from benchmarks.accuracy.examples import cifar10
from benchmarks.accuracy.examples import digits_example
from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.pools import part
from tfdcu.workdir.atomic import atomic_write

EXAMPLE = flags.DEFINE_enum(
    "example", "digits", ["digits", "cifar10"], "Which one."
)
HERE = Path(__file__).parent


def run(example, step, seed, folder):
    """One run, a flat dict of what is compared."""
    config = example.config(seed)
    for change in steps.changes(step):
        config = steps.changed(config, change)
    if steps.PLAIN in steps.changes(step):
        config["batches"]["augment"] = example.augment
    if steps.LABELS in steps.changes(step):
        few = example.few(seed)
        config |= {"labeled": few, "unlabeled": few.without_labels()}
        config["data"] |= {"labeled_split": None, "unlabeled_split": None}
        config["training"]["epochs"] = example.label_epochs
    if steps.ORACLE in steps.changes(step):
        config["unlabeled"] = example.training_images.without_labels()
        if config["targets"]["views"]:
            # A run comes to each labeled image so often.
            config["targets"]["labeled_views"] = 2
    if steps.LAST in steps.changes(step):
        config["transfer"]["align_layers"] = example.last_layer
    config = elsewhere(example, config, seed)
    if isinstance(config["student"], str):
        config["student"] = tfdcu.models.build(
            config["student"], num_classes=10, seed=seed
        )
    workdir = folder / f"{step}-{seed}".replace(" ", "_")
    config["targets"]["shared"] = str(folder / "targets")
    record = tfdcu.compress(**config, workdir=workdir)
    return {"step": step, "seed": seed, **summary(record)}


def elsewhere(example, config, seed):
    """A config with its pool: a smaller one, or one made of it."""
    other, data = config["unlabeled"], config["data"]
    if not isinstance(other, int) and not callable(other):
        return config
    pool = tfdcu.data.open_source(
        example.config(seed)["unlabeled"],
        labeled=False,
        split=data["unlabeled_split"],
        data_dir=example.data_dir,
    )
    config = steps.changed(config, {"data": {"unlabeled_split": None}})
    if callable(other):
        return config | {"unlabeled": other(pool, seed)}
    held = data["pool_validation"]
    config = steps.as_many_steps(config, (pool.num_images - held) / other)
    return config | {"unlabeled": part(pool, other + held, seed)}


def summary(record):
    """What is compared, of a report."""
    rows = {(row["name"], row["format"]): row for row in record["rows"]}
    teacher, student = rows["teacher", "float32"], rows["student", "keras"]
    int8 = rows["student", "int8"]
    history = record["history"]["student"]
    return {
        "teacher": teacher["accuracy"],
        "student": student["accuracy"],
        "int8": int8["accuracy"],
        "macs": student["macs"] / teacher["macs"],
        "smaller": teacher["bytes"] / int8["bytes"],
        "faster": teacher["latency_ms"] / int8["latency_ms"],
        "seconds": round(sum(record["seconds"].values())),
        "mimic": history["mimic"][-1],
        # Not of a pool of which nothing is held out.
        "held_out": history.get("val_mimic", [None])[-1],
    }


def untrained(example, seed, folder, done):
    """Step 0: students before they are trained, those that are not `done`."""
    config = example.config(seed)
    rows = []
    for name, step in (
        ("0 pruned", "3 + mimic on the pool"),
        ("0 pruned at once and reconstructed", "cut at once"),
        ("0 pruned and reconstructed", "5 everything"),
    ):
        model = folder / f"{step}-{seed}".replace(" ", "_") / "pruned.keras"
        if model.exists() and not done(name, seed):
            found = tfdcu.evaluate(
                model,
                config["test"],
                split=config["data"]["test_split"],
                data_dir=example.data_dir,
            )
            rows.append(
                {"step": name, "seed": seed, "student": found["accuracy"]}
            )
    return rows


def main(argv):
    del argv
    known = [*steps.STEPS, *steps.ABLATIONS, *steps.PLACES]
    wanted = options.ROWS.value or steps.STEPS
    unknown = set(wanted) - set(known)
    if unknown:
        raise SystemExit(
            f"Stopped: unknown rows. Expected: some of {known}. "
            f"Received: {sorted(unknown)}"
        )
    teacher = options.TEACHER.value
    if EXAMPLE.value == "digits":
        example = digits_example(teacher)
    else:
        example = cifar10(teacher, options.DATA_DIR.value)
    file = HERE / f"{example.name}.json"
    folder = Path(options.RUNS.value) / example.name

    def rows():
        return json.loads(file.read_text("utf-8")) if file.exists() else []

    def done(step, seed):
        return any((r["step"], r["seed"]) == (step, seed) for r in rows())

    def add(new):
        # Read again: another run may have added rows in the meantime.
        every = rows() + [r for r in new if not done(r["step"], r["seed"])]
        with atomic_write(file) as (data,):
            data.write_text(json.dumps(every, indent=1) + "\n", "utf-8")
        write_page(HERE / example.name, every)

    for seed in range(options.SEEDS.value):
        for step in wanted:
            if not done(step, seed):
                add([run(example, step, seed, folder)])
        add(untrained(example, seed, folder, done))


if __name__ == "__main__":
    flags.mark_flags_as_required(["teacher"])
    flags.set_default(options.RUNS, "runs/accuracy")
    flags.set_default(options.SEEDS, 3)
    app.run(main)
