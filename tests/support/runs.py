"""Records of runs for tests of single stages."""

from pathlib import Path

from tfdcu.stages.config import SECTIONS
from tfdcu.stages.run import Run


def run_of(teacher, splits, folder=Path("nowhere"), seed=0, **sections):
    """A `Run` without a workdir, its sections empty but for those given."""
    config = {name: {} for name in SECTIONS} | sections
    config |= {"baseline": False, "seed": seed}
    return Run(config, teacher, splits, folder, models={"teacher": teacher})
