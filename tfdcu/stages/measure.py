"""The stage that measures every model and file for the report."""

from dataclasses import asdict

import numpy as np

from tfdcu.evaluate import predict
from tfdcu.export import LiteRTModel
from tfdcu.export import client_misfits
from tfdcu.export import explain
from tfdcu.export import file_sizes
from tfdcu.export import latency
from tfdcu.export import runs_compiled
from tfdcu.graph.answers import answers_of
from tfdcu.graph.profile import profile
from tfdcu.report import ProgressBar
from tfdcu.report import Row
from tfdcu.report.rows import teacher_row
from tfdcu.stages.mistakes import find_mistakes
from tfdcu.workdir.percent import percent

# Names of the models in the table of the report.
NAMES = {
    "teacher": "teacher",
    "baseline": "labels only",
    "student": "student",
}
_BOTH = "teacher", "student"
# Number of pool images on which agreement is measured.
NUM_POOL_IMAGES = 1000


def measure(run):
    """Measure accuracy, cost and latency of every model and file.

    Args:
        run: A `Run`; its `rows`, `notes`, `clients` and `mistakes` are set.
    """
    models = {name: run.models[name] for name in NAMES if name in run.models}
    rows, notes, choices = measure_models(models, run.files, run.splits)
    run.rows += rows
    run.notes += notes
    run.clients = where_files_run(run.files)
    run.mistakes = find_mistakes(
        choices["teacher"],
        choices["student"],
        choices["labels"],
        run.splits.classes or (),
        answers_of(run.teacher),
    )


def measure_models(models, files, splits):
    """Rows for the table of the report, and notes that explain them.

    Accuracy is measured on the test images, else on the validation images. The
    agreement of a file is that with the Keras model it was made from, on the
    same images, else on pool images. The latencies of all files are measured
    in turns.

    Args:
        models: Dict from name (`teacher`, `baseline`, `student`) to model.
        files: What `export_models` returned.
        splits: `tfdcu.data.Splits`.

    Returns:
        (list of flat dicts as in `report.json`, list of sentences, dict from
        the name of a model to its choices, with `labels`).
    """
    images, measured_on = table_images(splits)
    milliseconds = latency(files) if files else {}
    rows, notes, every, parts = [], [], {}, []
    bar = ProgressBar(
        "measuring", len(models) + len(files), "models and files", leave=False
    )
    for name, model in models.items():
        whole = profile(model)
        cost = {"params": whole["params"], "macs": whole["macs"]}
        own = predict(model, images)
        every |= {name: own.choices, "labels": own.labels}
        theirs = None if name == "teacher" else every["teacher"]
        bar.update()
        row = Row(
            name=NAMES[name],
            format="keras",
            accuracy=own.accuracy,
            teacher_agreement=own.agreement(theirs),
            **own.measures,
            **cost,
        )
        rows.append(asdict(row))
        parts.append((NAMES[name], own))
        for (owner, kind), path in files.items():
            if owner != name:
                continue
            found = predict(path, images)
            bar.update()
            row = Row(
                name=NAMES[name],
                format=kind,
                accuracy=found.accuracy,
                agreement=found.agreement(own.choices),
                teacher_agreement=found.agreement(theirs),
                **found.measures,
                latency_ms=milliseconds[owner, kind],
                **cost,
                **file_sizes(path),
            )
            rows.append(asdict(row))
            parts.append((f"{NAMES[name]} {kind}", found))
            if name == "student":
                # Without a file of the teacher only the format is known.
                other = teacher_row(rows, rows[-1]) or rows[0]
                why = explain(rows[-1], other, path)
                # Said once, of the first file that it is true of.
                notes += [one for one in why if one not in notes]
                notes += slow_dynamic(rows)
    bar.close()
    notes = [
        measured_on,
        *accuracy_by_output(parts),
        pool_agreement(models, splits),
        *notes,
    ]
    return rows, notes, every


def accuracy_by_output(parts):
    """A sentence on models of several outputs, in a list.

    Args:
        parts: List of (name of a model or file, its `Predictions`).
    """
    if not all(one.answers.several and one.accuracy for _, one in parts):
        return []
    said = []
    for name, one in parts:
        each = one.answers.agreement_by_name(one.choices, one.labels)
        shares = (f"{output} {percent(x, 1)}" for output, x in each.items())
        said.append(f"{name} {', '.join(shares)}")
    return [f"Accuracy is the mean over the outputs: {'; '.join(said)}."]


def slow_dynamic(rows):
    """A sentence if the last row is a dynamic file slower than float32."""
    last = rows[-1]
    for row in rows:
        same = row["name"] == last["name"] and row["format"] == "float32"
        if last["format"] == "dynamic" and same:
            times = last["latency_ms"] / row["latency_ms"]
            if times > 1.05:
                return [
                    f"The {last['name']}'s dynamic file is {times:.1f} times "
                    "as slow as its float32 file here. The format weight8 is "
                    "as small, nearly exact and as fast as float32: add it to "
                    "export.formats."
                ]
    return []


def where_files_run(files):
    """Which clients each file is for, and why not for the others.

    Args:
        files: What `export_models` returned.

    Returns:
        Dict from name of a file to a sentence.
    """
    compiled = runs_compiled(files.values())
    found = {}
    for path in files.values():
        misfits = client_misfits(path)
        misfits["CompiledModel"] = [compiled[path]] if compiled[path] else []
        misfits["GPU"] = LiteRTModel(path).sidecar["check"]["gpu"]
        fits = [name for name, reasons in misfits.items() if not reasons]
        why = "; ".join(
            f"not {name}: {', '.join(reasons)}"
            for name, reasons in misfits.items()
            if reasons
        )
        found[path.name] = ", ".join(fits) + (why and f" ({why})")
    return found


def table_images(splits):
    """The images for accuracy and agreement, and a sentence that names them."""
    for name in ("test", "validation"):
        source = getattr(splits, name)
        if source is not None:
            return source, (
                "Accuracy and agreement are measured on the "
                f"{source.num_images:,} {name} images."
            )
    pool = some_of_the_pool(splits)
    return pool, (
        "There are no labeled images to measure accuracy on. Agreement is "
        f"measured on {pool.num_images:,} images of the pool."
    )


def some_of_the_pool(splits):
    """Pool images, held out from training if possible."""
    pool = splits.pool_validation or splits.unlabeled
    num = min(NUM_POOL_IMAGES, pool.num_images)
    return pool.subset(np.arange(num) * pool.num_images // num)


def pool_agreement(models, splits):
    """A sentence on the student's agreement with the teacher on the pool."""
    pool = some_of_the_pool(splits)
    teacher, student = (predict(models[n], pool) for n in _BOTH)
    kind = "held-out" if splits.pool_validation else "training"
    return (
        f"On {pool.num_images} {kind} images of the pool the student agrees "
        f"with the teacher in {percent(student.agreement(teacher.choices), 1)}."
    )
