"""The rows by number, measured and written one after the other."""

import json
import os
import platform
import re
from pathlib import Path

from benchmarks.speed.against_torch import torch
from benchmarks.speed.first_step import first_step
from benchmarks.speed.memory import memory
from benchmarks.speed.pipeline import pipeline
from benchmarks.speed.steps import keras_distiller
from benchmarks.speed.steps import limit
from benchmarks.speed.switches import KERNELS
from benchmarks.speed.switches import THREADS
from benchmarks.speed.switches import kernels
from benchmarks.speed.switches import threads
from benchmarks.speed.table import page
from benchmarks.speed.targets import store_targets
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.fingerprint import versions

ROWS = {
    "1": limit,
    "2": keras_distiller,
    "3": torch,
    "4": memory,
    "5": store_targets,
    "6": first_step,
    "7": pipeline,
    "8": kernels,
    "9": threads,
}


def measure(workload, file, chosen=()):
    """Measures the rows that are chosen, or those that a file lacks.

    Args:
        workload: A `Workload`.
        file: `Path` of the JSON file; the Markdown file lies beside it.
        chosen: Names in `ROWS`; none for those that are missing.

    Returns:
        Dict from row to what was found.
    """
    rows = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name in chosen or [name for name in ROWS if name not in rows]:
        if name == "3" and workload.torch is None:
            print("Row 3 is left out: --torch names no Python.")
            continue
        before = os.getloadavg()[0]
        print(f"Row {name}, load {before:.1f}", flush=True)
        found = ROWS[name](workload)
        found["machine"] = machine() | {"load before": round(before, 1)}
        rows = dict(sorted({**rows, name: found}.items()))
        with atomic_write(file, file.with_suffix(".md")) as (data, text):
            data.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
            text.write_text(page(rows), "utf-8")
    print(page(rows))
    return rows


def machine():
    """What a row was measured on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8") if info.exists() else ""
    model = re.search(r"model name\s*: (.+)", text)
    fixed = {key: os.environ.get(key, "not set") for key in (KERNELS, THREADS)}
    return {
        "processor": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "versions": versions() | fixed,
    }
