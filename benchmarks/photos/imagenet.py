"""Real photos: EfficientNet-Lite0 at 192 px on the 1,000 classes of ImageNet.

    python -m benchmarks.photos.imagenet --photos=../shared/photos \\
        --teacher=../shared/models/efficientnet_lite0_imagenet192.keras

Each row is one call of `tfdcu.prune_channels` with 1,000 photos of other
things, without training and without labels. `--photos` holds the folders
`pool` and `imagenet1000`, one photo of each class, whose file names begin with
the number of the class. Many of these were in the teacher's training data, so
agreement with the teacher stands beside accuracy. Writes imagenet.json after
each row and imagenet.md from it; continues after a kill.
"""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import keras
import numpy as np
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from benchmarks.resumable import fill
from tfdcu.graph.profile import profile
from tfdcu.graph.resize import resized

TABLE = Path(__file__).parent / "imagenet"
# Share of the macs at 192 px, and size of the student's photos.
ROWS = {
    "0.8 of the macs": (0.8, None),
    "0.8 of the macs at 168 px": (0.8, 168),
    "0.7 of the macs": (0.7, None),
    "0.7 of the macs at 160 px": (0.7, 160),
    "0.5 of the macs at 160 px": (0.5, 160),
}


def main(argv):
    del argv
    given = options.TEACHER.value, Path(options.PHOTOS.value)
    # Each row in a process of its own, whose peak memory is that of the row.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as processes:
        fill(
            TABLE,
            [{"row": name} for name in options.ROWS.value or ROWS],
            lambda name: processes.submit(measured, *given, name).result(),
            as_table,
        )


def photos_of(folder, image_shape):
    """The photos of a folder: float32 array (n, height, width, channels)."""
    source = tfdcu.data.open_source(
        f"folder:{folder}", labeled=False, image_shape=image_shape
    )
    return tfdcu.data.images_of(source, source.num_images)


def measured(teacher, folder, name):
    """What a row gives, as flat numbers.

    Args:
        teacher: Path of the teacher.
        folder: `Path` of the folder with `pool` and `imagenet1000`.
        name: A key of `ROWS`.

    Returns:
        Dict of floats: shares, seconds, and the GiB that the process has taken
        at most when the student is there.
    """
    macs, size = ROWS[name]
    teacher = keras.models.load_model(teacher)
    pool = photos_of(folder / "pool", teacher.input_shape[1:])
    started = time.perf_counter()
    student = tfdcu.prune_channels(
        teacher, macs=macs, image_size=size, images=pool
    )
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    images = photos_of(folder / "imagenet1000", teacher.input_shape[1:])
    files = sorted((folder / "imagenet1000").glob("*.jpg"))
    classes = np.array([int(file.name.split("_")[0]) for file in files])
    theirs = teacher.predict(images, batch_size=50, verbose=0).argmax(1)
    own = resized(images, student.input_shape)
    guessed = student.predict(np.asarray(own), batch_size=50, verbose=0)
    guessed = guessed.argmax(1)
    return {
        "macs": profile(student)["macs"] / profile(teacher)["macs"],
        "teacher": float((theirs == classes).mean()),
        "student": float((guessed == classes).mean()),
        "agreement": float((guessed == theirs).mean()),
        "seconds": seconds,
        "peak": peak,
    }


def as_table(rows):
    """The rows as Markdown."""
    lines = [
        "# ImageNet: EfficientNet-Lite0 at 192 px, pruned without training",
        "",
        "Written by `python -m benchmarks.photos.imagenet`. Percent of 1,000 "
        "photos, one of each class; seconds of `prune_channels` with 1,000 "
        "photos of other things; peak memory in GiB of a process that prunes, "
        "with TensorFlow and the photos.",
        "",
        "| | macs | teacher | student | agreement | seconds | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shares = [row[key] for key in ("teacher", "student", "agreement")]
        percent = [f"{100 * share:.1f}" for share in shares]
        cells = [row["row"], f"{row['macs']:.3f}", *percent]
        cells += [f"{row['seconds']:.0f}", f"{row['peak']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.mark_flags_as_required(["photos", "teacher"])
    app.run(main)
