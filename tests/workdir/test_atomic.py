"""Files are written completely or not at all."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from tfdcu.workdir.atomic import MACHINE
from tfdcu.workdir.atomic import PATIENCE
from tfdcu.workdir.atomic import TEMPORARY
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.atomic import remove_temporary


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_appear_together_and_in_order(tmp_path, monkeypatch):
    order = []
    replace = os.replace

    def watched(source, target):
        order.append(os.path.basename(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    with atomic_write(tmp_path / "new" / "a", tmp_path / "b") as (a, b):
        b.write_text("2")
        a.write_text("1")
        assert not (tmp_path / "new" / "a").exists()
        assert {a.parent, b.parent} == {tmp_path / "new", tmp_path}
    assert order == ["a", "b"]
    assert (tmp_path / "new" / "a").read_text() == "1"
    assert names(tmp_path) == ["b", "new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_keeps_existing_files(tmp_path, error):
    (tmp_path / "a").write_text("before")
    with pytest.raises(error):
        with atomic_write(tmp_path / "a", tmp_path / "b") as (a, b):
            a.write_text("half")
            raise error
    assert (tmp_path / "a").read_text() == "before"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, number):
    with pytest.raises(OSError, match="The disk filled up.*'.*b'") as error:
        with atomic_write(tmp_path / "a", tmp_path / "b") as (a, b):
            a.write_text("half")
            raise OSError(number, "No space left on device")
    assert error.value.errno == number
    assert names(tmp_path) == []


def test_a_disk_that_is_full_at_the_last_write(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="The disk filled up"):
        with atomic_write(tmp_path / "a") as (a,):
            a.write_text("buffered")
    assert names(tmp_path) == []


def test_other_errors_of_the_system_are_passed_on(tmp_path):
    with pytest.raises(OSError, match="^.*I/O") as error:
        with atomic_write(tmp_path / "a"):
            raise OSError(errno.EIO, "I/O")
    assert "disk filled" not in str(error.value)


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="cannot be written.*Expected: a fold"):
        with atomic_write(tmp_path / "file" / "a"):
            pytest.fail("entered")
    assert (tmp_path / "file").read_text() == "x"


KILLED = """
import os, pathlib, signal, sys
from tfdcu.workdir.atomic import atomic_write
with atomic_write(pathlib.Path(sys.argv[1]) / "a.keras") as (beside,):
    beside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_no_file_and_its_temporary_files_can_be_removed(
    tmp_path,
):
    # The package's own __init__ would import TensorFlow first.
    program = "import sys, types; p = types.ModuleType('tfdcu'); "
    program += "p.__path__ = ['tfdcu']; sys.modules['tfdcu'] = p" + KILLED
    process = subprocess.run([sys.executable, "-c", program, tmp_path])
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.keras").exists()
    assert len(names(tmp_path)) == 1
    assert all(TEMPORARY.fullmatch(name) for name in names(tmp_path))
    remove_temporary(tmp_path)
    assert names(tmp_path) == []


def test_only_temporary_files_are_removed(tmp_path):
    mine = f"{MACHINE}-{os.getpid()}"
    kept = [f"a.{mine}.tmp", ".a.tmp", f".a.{mine}.tmpx", "student.keras"]
    for name in (*kept, f".a.{mine}.tmp"):
        (tmp_path / name).touch()
    remove_temporary(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_files_of_running_processes_are_kept(tmp_path):
    # The parent of this process lives.
    kept = [f".a.{MACHINE}-{os.getppid()}.tmp", ".a.elsewhere-1.tmp"]
    for name in (*kept, ".b.elsewhere-1.tmp"):
        (tmp_path / name).touch()
    long_ago = time.time() - PATIENCE - 1
    os.utime(tmp_path / ".b.elsewhere-1.tmp", (long_ago, long_ago))
    remove_temporary(tmp_path)
    assert names(tmp_path) == sorted(kept)
