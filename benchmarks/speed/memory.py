"""Row 4: peak memory by the size of the pool, each in a process of its own.

The library keeps decoded images, encoded records, stored logits and shuffle
buffers in memory up to a limit each (see `tfdcu/data/sources/source.py`). So
memory is measured twice: with these limits, and with all of them at 4 MiB,
where every pool is streamed and any growth with the pool shows.
"""

import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

LIMITS = None, 4 * 2**20


def memory(workload):
    """Row 4: `teacher_targets` and `fit` for pools of several sizes."""
    data_dir, split = repeated(workload)
    found = {}
    for limit in LIMITS:
        for num in workload.memory_pools:
            task = {
                "limit": limit,
                "num": num,
                "data_dir": str(data_dir),
                "pool": workload.pool.name,
                "split": f"{split}[:{num}]",
                "folder": str(workload.folder / f"memory-{limit}-{num}"),
                "student": str(workload.student),
                "teacher": str(workload.teacher),
                "batch_size": workload.batch_size,
                "steps": workload.steps,
            }
            # Finished targets would only be compared with the images.
            shutil.rmtree(task["folder"], ignore_errors=True)
            for what in ("teacher_targets", "fit"):
                peak = in_process({"what": what, **task})
                found.setdefault(label(what, limit), []).append(peak)
                print(f"  {label(what, limit)}, {num}: {peak:.0f} MB")
    return {
        "title": "peak memory by the size of the pool",
        "pools": list(workload.memory_pools),
        "MB": found,
        "ratios": {name: growth(peaks) for name, peaks in found.items()},
        "notes": [
            "Ratios are of memory, to that of the smallest pool: the largest "
            "pool's, the lowest and the highest. `teacher_targets` asks a "
            "linear teacher, so that the library's own memory shows; `fit` "
            "trains the student for a few steps with stored targets.",
        ],
    }


def label(what, limit):
    limits = f"limits of {limit / 2**20:.0f} MiB" if limit else "own limits"
    return f"{what}, {limits}"


def growth(peaks):
    """How much more the larger pools take than the first."""
    others = [peak / peaks[0] for peak in peaks[1:]]
    return {
        "median": others[-1],
        "lowest": min(others),
        "highest": max(others),
        "most": 1.05,
    }


def repeated(workload):
    """A TFDS folder with the pool's files as often as the largest size needs.

    They are links, so they take no room on disk.

    Returns:
        The folder, and the name of the pool's split.
    """
    name = workload.pool.name.removeprefix("tfds:")
    (version,) = (Path(workload.data_dir) / name).iterdir()
    info = json.loads((version / "dataset_info.json").read_text("utf-8"))
    (split,) = info["splits"]
    lengths = list(map(int, split["shardLengths"]))
    times = math.ceil(max(workload.memory_pools) / sum(lengths))
    split["shardLengths"] = [str(num) for num in lengths * times]
    split["numBytes"] = str(int(split["numBytes"]) * times)
    pattern = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    split["filepathTemplate"] = pattern
    made = workload.folder / "repeated" / name / version.name
    made.mkdir(parents=True, exist_ok=True)
    (made / "dataset_info.json").write_text(json.dumps(info), "utf-8")
    features = (version / "features.json").read_text("utf-8")
    (made / "features.json").write_text(features, "utf-8")
    files = sorted(version.glob("*.tfrecord-*"))
    total = len(files) * times
    for number in range(total):
        stem = f"{name}-{split['name']}.tfrecord"
        link = made / f"{stem}-{number:05d}-of-{total:05d}"
        link.unlink(missing_ok=True)
        os.symlink(files[number % len(files)].resolve(), link)
    return workload.folder / "repeated", split["name"]


def in_process(task):
    """MB that a process of its own takes for a task."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.memory", json.dumps(task)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(result.stdout.split()[-1])


def work(task):
    """Does what a task says; `teacher_targets` before `fit`."""
    from benchmarks.speed.workload import Workload
    from tfdcu.data import open_source
    from tfdcu.data.sources import source as source_lib

    if task["limit"]:
        source_lib.MEMORY_LIMIT = source_lib.SHUFFLE_LIMIT = task["limit"]
        # Bound when the method was defined.
        source_lib.Source.fits_in_memory.__defaults__ = (task["limit"],)
    pool = open_source(
        task["pool"],
        split=task["split"],
        labeled=False,
        data_dir=task["data_dir"],
    )
    images = next(iter(pool.batches(100))).numpy()
    workload = Workload(
        task["teacher"],
        open_source((images, [0] * len(images))),
        pool,
        Path(task["folder"]),
        batch_size=task["batch_size"],
    )
    vars(workload)["student"] = task["student"]
    if task["what"] == "teacher_targets":
        workload.targets
    else:
        fit(workload, task["steps"])


def fit(workload, steps):
    """A few steps of training from the targets that are there."""
    from benchmarks.speed.steps import aligned

    targets = [workload.folder / "targets" / n for n in ("labeled", "pool")]
    aligned(workload, None).fit(
        workload.batches(tuple(targets)), steps_per_epoch=steps, verbose=0
    )


def peak():
    """The most memory this process ever took, in MB.

    Linux' own counter first: what `getrusage` says is at least what the
    process that started this one took.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text("utf-8"))
        return int(found[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
    print(peak())
