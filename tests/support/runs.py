"""Runs and records of runs for tests of stages."""

from pathlib import Path

from tfdcu.stages.config import SECTIONS
from tfdcu.stages.run import Run

# Options of `compress` for a short run whose student learns something.
SHORT = {
    "channels": {"macs": 0.6, "rounds": 1},
    "training": {"epochs": 2},
    "export": {"formats": ("float32", "int8")},
    "verbose": 0,
}


def run_of(teacher, splits, folder=Path("nowhere"), seed=0, **sections):
    """A `Run` without a workdir, its sections empty but for those given."""
    config = {name: {} for name in SECTIONS} | sections
    config |= {"baseline": False, "seed": seed}
    return Run(config, teacher, splits, folder, models={"teacher": teacher})
