"""Start a run: open and check everything before work begins."""

import numpy as np

from tfdcu.data import check_label_range
from tfdcu.data import prepare
from tfdcu.graph.answers import answers_of
from tfdcu.graph.images import are_images
from tfdcu.graph.images import check_whole_numbers
from tfdcu.graph.logits import with_labels
from tfdcu.models import at_size
from tfdcu.models import custom_layers
from tfdcu.models import load_any
from tfdcu.models import with_preprocessing
from tfdcu.pruning import chosen_size
from tfdcu.stages.config import check_config
from tfdcu.stages.config import check_needs
from tfdcu.stages.config import check_values
from tfdcu.stages.config import identity_of
from tfdcu.stages.config import image_shape_of
from tfdcu.stages.config import without_defaults
from tfdcu.stages.quantize import RESULTS as QUANTIZED
from tfdcu.stages.run import Run
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.fingerprint import fingerprint
from tfdcu.workdir.fingerprint import fingerprint_of
from tfdcu.workdir.fingerprint import versions
from tfdcu.workdir.own_files import lock_folder
from tfdcu.workdir.workdir import Workdir

# Sections that may change when a run is called again, since they come after
# the training, and what was made with their former options.
RESULTS = {"quantization": QUANTIZED, "export": ["report.html"]}


def start_run(
    teacher, preprocess, student, sources, sections, workdir, baseline, seed
):
    """Open teacher and data, check all arguments, and open the workdir.

    Args:
        teacher: A `keras.Model` or the path of one.
        preprocess: See `with_preprocessing`, or `None`.
        student: The same, to train instead of the pruned teacher; or `None`.
        sources: Dict of `labeled`, `unlabeled`, `validation` and `test`.
        sections: Dict from section to its options or `None`.
        workdir: Path of the run's folder.
        baseline: Whether the student is also trained on labels alone.
        seed: Int.

    Returns:
        A `Run`.

    Raises:
        ValueError: For the first invalid argument.
    """
    check_arguments(workdir=workdir, baseline=baseline, seed=seed)
    if sections["channels"] is None and student is None:
        sections = {**sections, "channels": {"macs": 0.5}}
    if sections["channels"] is not None and student is not None:
        raise ValueError(
            "A given student is not pruned. Expected: either `student` or "
            f"`channels`. Received: student={student!r}, "
            f"channels={sections['channels']!r}"
        )
    config = check_config(sections)
    check_needs(config, sources["labeled"], baseline)
    teacher, student, splits = open_all(
        teacher, preprocess, student, sources, config, seed
    )
    config["channels"], note = of_one_size(teacher, config["channels"])
    check_values(config, splits, teacher, student)
    config |= {"preprocess": preprocess, "baseline": baseline, "seed": seed}
    identity = fingerprint_of(
        {
            "teacher": fingerprint(teacher),
            "student": student and fingerprint(student),
            **sources,
            **identity_of(config, leave_out=RESULTS),
            "preprocess": preprocess,
            "baseline": baseline,
            "seed": seed,
            "images": splits.describe(),
        }
    )
    custom = custom_layers(teacher) | (
        custom_layers(student) if student else {}
    )
    lock = lock_folder(workdir)
    try:
        workdir = Workdir(workdir, identity, versions(), custom)
        for name, results in RESULTS.items():
            options = without_defaults(name, config[name])
            workdir.renew(f"{name}.json", options, results)
    except BaseException:
        lock.release()
        raise
    run = Run(
        config,
        teacher,
        splits,
        workdir.path,
        workdir,
        lock,
        student,
        models={"teacher": teacher},
    )
    run.say([f"{sentence}." for sentence in workdir.remade])
    run.say(note)
    run.say(splits.notes())
    only = answers_of(teacher).only
    if only and not only.several_labels:
        run.say(missing_classes(splits, only.num_classes))
    run.say(other_versions(workdir.versions, versions()))
    return run


def of_one_size(teacher, channels):
    """The section `channels` with a size in pixels, and what to say of it.

    Args:
        teacher: A `keras.Model`.
        channels: Dict of options.

    Returns:
        (dict of options, list with a sentence where a size was chosen).
    """
    size = channels.get("image_size")
    found = chosen_size(teacher, size, channels)
    if found is size:
        return channels, []
    channels = {**channels, "image_size": found}
    if found is None:
        return channels, []
    return channels, [
        f"The student takes images of {found[0]} x {found[1]} pixels; fewer "
        "channels save the rest."
    ]


def missing_classes(splits, count):
    """A sentence where labeled images show some classes only, in a list."""
    if splits.labeled is None:
        return []
    present = {
        label
        for labels in splits.labeled.label_batches()
        for label in np.unique(labels).tolist()
    }
    missing = sorted(set(range(count)) - present)
    if not missing:
        return []
    names = splits.classes or range(count)
    shown = ", ".join(str(names[index]) for index in missing[:5])
    more = f" and {len(missing) - 5:,} more" if len(missing) > 5 else ""
    return [
        f"The labeled images show {len(present):,} of {count:,} classes; "
        f"none are of {shown}{more}."
    ]


def other_versions(then, now):
    """A sentence where a run goes on under other versions, in a list."""
    found = [
        f"{name} {then[name]}, now {now.get(name)}"
        for name in then
        if then[name] != now.get(name)
    ]
    return [
        f"This run was started under other versions: {part}."
        for part in ["; ".join(found)]
        if found
    ]


def open_all(teacher, preprocess, student, sources, config, seed):
    """The teacher, the given student or `None`, and the images.

    Args:
        teacher, preprocess, student, sources, seed: As in `start_run`.
        config: Dict from section to dict.

    Returns:
        (model, model or `None`, `Splits`). Teacher and images are of one size;
        a given student may have its own, to which its images are resized.
    """
    with naming("teacher"):
        teacher = load_any(teacher)
        answers = answers_of(teacher)
    check_outputs(answers, config)
    shape = image_shape_of(teacher, config["data"])
    teacher = at_size(teacher, shape)
    if not are_images(shape):
        check_without_images(shape, preprocess, config)
    else:
        value_range = config["data"].get("value_range", (0.0, 1.0))
        check_whole_numbers(
            teacher.inputs[0].dtype, value_range, "data.value_range"
        )
    if preprocess is not None:
        check_range(preprocess, config["data"])
        teacher = with_preprocessing(teacher, preprocess)
    if student is not None:
        with naming("student"):
            student = load_any(student)
        if None in student.input_shape[1:]:
            student = at_size(student, shape)
        if not are_images(shape) and student.input_shape[1:] != shape:
            raise ValueError(
                "The student takes other inputs than the teacher; only images "
                f"are resized. Expected: inputs of shape {shape}. Received: a "
                f"student of inputs {student.input_shape[1:]}"
            )
    if student is not None and answers.several:
        own = answers_of(student)
        if own.by_name != answers.by_name:
            raise ValueError(
                "Student and teacher answer different things. Expected: a "
                f"student of the outputs {answers.by_name}. Received: "
                f"{own.by_name}"
            )
    elif student is not None and answers.only.kind == "labels":
        student = with_labels(student)
    return teacher, student, open_splits(teacher, sources, config, shape, seed)


def check_outputs(answers, config):
    """Raise for what only a single output has."""
    if not answers.several:
        return
    places = any(len(one.shape) > 1 for one in answers.by_name.values())
    augment = config["batches"].get("augment")
    single_only = {
        "data.classes": config["data"].get("classes"),
        "targets.views": config["targets"].get("views"),
        "export.targets": config["export"].get("targets"),
        "export.output": config["export"].get("output") == "probabilities",
        # Labels of maps that stand side by side are not moved with images.
        "batches.augment": places and augment not in (None, "color"),
    }
    given = [name for name, value in single_only.items() if value]
    if given:
        raise ValueError(
            f"The teacher has several outputs, {[*answers.by_name]}. Expected: "
            f"none of {', '.join(single_only)}; batches.augment='color' with "
            f"maps among them. Received: {', '.join(given)}"
        )


def check_without_images(shape, preprocess, config):
    """Raise for what only images have; the rest `open_source` refuses."""
    images_only = {
        "preprocess": preprocess,
        "data.match_colors": config["data"].get("match_colors"),
        "batches.augment": config["batches"].get("augment"),
        "channels.image_size": config["channels"].get("image_size"),
        "targets.mirror": config["targets"].get("mirror"),
        "quantization.weight_bits": config["quantization"].get("weight_bits"),
    }
    given = [f"{n}={value!r}" for n, value in images_only.items() if value]
    if given:
        raise ValueError(
            "The teacher does not take images (height, width, channels) of 1 "
            f"to 4 channels, but inputs of shape {shape}. Expected: none of "
            f"{', '.join(images_only)}. Received: {', '.join(given)}"
        )


def check_range(preprocess, data):
    """Raise if a range of pixels is given beside a preprocessing."""
    low, high = data.get("value_range") or (0.0, 1.0)
    if (low, high) != (0.0, 1.0):
        raise ValueError(
            "A teacher with `preprocess` takes images in [0, 1]. Expected: "
            "either `preprocess` or data.value_range. Received: "
            f"preprocess={preprocess!r}, data.value_range=({low}, {high})"
        )


def open_splits(teacher, sources, config, image_shape, seed):
    """The images of a config, see `prepare`."""
    answers = answers_of(teacher)
    splits = prepare(
        sources["labeled"],
        sources["unlabeled"],
        max(one.num_classes for one in answers.by_name.values()),
        sources["validation"],
        sources["test"],
        seed,
        answers.label_shape,
        **{**config["data"], "image_shape": image_shape},
    )
    for source in (splits.labeled, splits.validation, splits.test):
        if source is not None and source.label_shape:
            for rows in source.label_batches():
                for name, labels in answers.unpack(rows).items():
                    highest = answers.by_name[name].num_values
                    check_label_range(source.name, labels, highest)
    return splits
