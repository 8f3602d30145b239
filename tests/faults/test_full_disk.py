"""A disk that is really full: a tmpfs of the size that a run needs, and less.

Each run stops with an error in three parts, leaves no stand-in, and goes on
when there is room.
"""

import contextlib
import os
import subprocess
import sys

import pytest

from tests.support import small_run
from tests.support import tiny
from tests.support.mortal import RUNS
from tests.support.mortal import Mortals
from tests.support.results import assert_the_same
from tests.support.results import results
from tfdcu.compress import STAGES

pytestmark = pytest.mark.slow
# A program, since a crash would end the tests.
RUN = """
import sys
from tests.support import small_run
options = dict(training={"epochs": 2}, channels={"macs": 0.5, "rounds": 2})
if "targets" in sys.argv:
    options["targets"] = {"views": 2}
options["export"] = {"formats": ("float32", "int8"), "num_images": 32}
try:
    small_run.run(sys.argv[1], **options)
except (OSError, ValueError) as error:
    print("ERROR", type(error).__name__, error)
else:
    print("DONE")
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A function that mounts a tmpfs of some kB, or gives it another size."""
    folder = tmp_path_factory.mktemp("disk")

    def mount(size, *more):
        options = ",".join([*more, f"size={size}k"])
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no permission to mount a tmpfs: {done.stderr}")
        return folder

    yield mount
    while os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def mounted(disk, size):
    folder = disk(size)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def run(folder, *words, **variables):
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), *words],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return done.stdout.splitlines()[-1]


def stand_ins(folder):
    return [path.name for path in folder.rglob("*.tmp*")]


@pytest.mark.parametrize("words", [(), ("targets",)], ids=["fresh", "stored"])
def test_a_run_on_a_disk_that_is_too_small(disk, words):
    told = []
    with mounted(disk, 150) as folder:
        # The teacher is there before the disk is full.
        tiny.plain_net(width=32).save(folder / "teacher.keras")
        for step in range(20):
            disk(int(160 * 1.25**step), "remount")
            told.append(run(folder, *words))
            if told[-1] == "DONE":
                break
            assert told[-1].startswith("ERROR DiskFull The "), told[-1]
            assert "Expected: " in told[-1] and "Received: " in told[-1]
            assert stand_ins(folder) == []
        print(len(told), {line[:90] for line in told})
        assert told[-1] == "DONE" and len(told) > 5
        assert (folder / "run" / "report.html").exists()
        last = small_run.weights(folder)
    assert last


def test_a_temporary_folder_that_is_full(disk, tmp_path):
    with mounted(disk, 16) as folder:
        (folder / "filling").write_bytes(b"0" * 8 * 1024)
        told = run(tmp_path, TMPDIR=str(folder))
        assert told.startswith("ERROR DiskFull The folder for temporary files")
        assert f"'{folder}'" in told and "TMPDIR" in told
        assert stand_ins(tmp_path) == []
        assert (tmp_path / "run" / "student.keras").exists()
    assert run(tmp_path) == "DONE"


@pytest.mark.parametrize("name", RUNS)
def test_a_disk_that_fills_up_at_the_start_of_each_stage(disk, name, tmp_path):
    """One run, stopped once in each stage, and continued when there is room."""
    stages = [stage.__name__ for stage in STAGES]
    if name == "search":
        stages = ["trials", "full", *stages]
    mortals = Mortals()
    try:
        with mounted(disk, 2**16) as folder:
            filler = folder / "filler"
            for stage in stages:
                told = mortals.run(name, folder, ("full", stage, filler))
                filler.unlink()
                print(stage, told["error"][:150])
                assert told["error"].startswith("DiskFull: The "), (stage, told)
                assert "Expected: " in told["error"]
                assert "Received: " in told["error"]
                assert stand_ins(folder) == []
            told = mortals.run(name, folder)
            assert (told["end"], told["error"]) == ("done", "")
            told = mortals.run(name, tmp_path)
            assert (told["end"], told["error"]) == ("done", "")
            assert_the_same(folder, results(tmp_path))
    finally:
        mortals.close()
