"""How long a run will take, said before it begins."""

import time

import numpy as np

from tfdcu.export import FORMATS
from tfdcu.graph.inference import compiled
from tfdcu.graph.profile import profile
from tfdcu.stages.prune import NUM_IMAGES
from tfdcu.stages.prune import pruning_schedule
from tfdcu.stages.prune import start_of
from tfdcu.stages.quantize import default_epochs

# Passes of a network over an image that take as long as: scoring channels on
# one image, reconstructing from one, a training step on one (of the student),
# and all that is done for a file. From EfficientNet-Lite0 and MobileNetV2 at
# 192 px on one core (`seconds.json` in runs of benchmarks.photos.clothes).
SCORE, RECONSTRUCT, TRAIN, FILE = 3, 11, 4, 3500
# Seconds that each round, training and file of the smallest network takes.
LEAST = {"pruning": 5, "training": 10, "files": 3}
# Images that time the teacher, three times if a second allows it.
_IMAGES = 8


def forecast(run, seconds=None):
    """About how long the stages of a run will take on this machine.

    The teacher is timed on a batch; the rest are rules of thumb.

    Args:
        run: A `Run` before its first stage.
        seconds: Of the teacher's pass over one image. Defaults to `None`: it
            is measured, which takes a second or two.

    Returns:
        Dict from `pruning`, `training` and `files` to seconds.
    """
    seconds = seconds_of_pass(run) if seconds is None else seconds
    labeled, pool = run.splits.labeled, run.splits.unlabeled.num_images
    batches, training = run.config["batches"], run.config["training"]
    share = share_left(run)
    each = 1 if labeled is None else 1 + labeled_share(batches)
    epochs = training.get("epochs", 20)
    views = run.config["targets"].get("views", 0)
    teacher = views or epochs
    if run.config["quantization"].get("weight_bits") is not None:
        more = run.config["quantization"].get("epochs") or default_epochs(run)
        epochs, teacher = epochs + more, views or epochs + more
    passes = pool * each * (teacher + TRAIN * share * epochs)
    export = run.config["export"]
    files = 1 + len(export.get("formats", FORMATS))
    files += len(export.get("targets", ()))
    return {
        "pruning": 0 if run.given_student else of_pruning(run, seconds),
        "training": LEAST["training"] + seconds * passes,
        "files": files * (LEAST["files"] + seconds * share * FILE),
    }


def sentence(seconds):
    """What `forecast` returned, in words.

    Args:
        seconds: Dict from stage to seconds.

    Returns:
        A string.
    """
    minutes = round(sum(seconds.values()) / 60)
    if minutes < 2:
        return "This will take about a minute."
    parts = [
        f"{name} {round(s / 60)}" for name, s in seconds.items() if s >= 30
    ]
    if minutes >= 120:
        minutes = f"{minutes / 60:.1f} hours; in minutes:"
    else:
        minutes = f"{minutes} minutes:"
    return f"This will take about {minutes} {', '.join(parts)}."


def seconds_of_pass(run):
    """Seconds of the teacher's pass over an image."""
    given = run.teacher.inputs[0]
    shape = run.splits.unlabeled.image_shape
    images = np.zeros((_IMAGES, *shape), given.dtype)
    function, found = compiled(run.teacher), []
    function(images[:1])
    while len(found) < 3 and sum(found) < 1:
        start = time.perf_counter()
        function(images)
        found.append(time.perf_counter() - start)
    return min(found) / _IMAGES


def of_pruning(run, seconds):
    """Seconds of all rounds of pruning."""
    channels, parts = run.config["channels"], pruning_schedule(run.config)
    size, own = channels.get("image_size"), run.splits.unlabeled.image_shape
    if size is not None:
        if channels.get("macs") and start_of(run)[1]["macs"] == 1:
            # Smaller images alone meet the budget.
            return 0
        seconds *= np.prod(np.broadcast_to(size, 2)) / np.prod(own[:2])
    images = num_images(run)
    passes = len(parts) * min(images, NUM_IMAGES // 2) * SCORE
    if channels.get("reconstruct") is not False:
        passes += len(parts) * images * RECONSTRUCT
    return len(parts) * LEAST["pruning"] + float(seconds * passes)


def num_images(run):
    """How many images `sample` will return."""
    labeled, few = run.splits.labeled, 0
    if labeled is not None:
        views = run.config["batches"].get("augment")
        few = NUM_IMAGES // 2
        few = few if views else min(few, labeled.num_images)
    return few + min(NUM_IMAGES - few, run.splits.unlabeled.num_images)


def share_left(run):
    """The student's macs as a share of the teacher's, about."""
    if run.given_student is not None:
        macs = (profile(m)["macs"] for m in (run.given_student, run.teacher))
        student, teacher = (count or 1 for count in macs)
        return student / teacher
    channels = run.config["channels"]
    for name in ("macs", "params"):
        budget = channels.get(name)
        if budget and budget > 1:
            budget = min(1, budget / (profile(run.teacher)[name] or 1))
        if budget:
            return budget
    return 0.5


def labeled_share(batches):
    """Labeled images of a batch, for each of the pool."""
    size = batches.get("batch_size", 32)
    return (batches.get("labeled_batch_size") or max(1, size // 4)) / size
