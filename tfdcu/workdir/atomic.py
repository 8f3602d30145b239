"""Atomic writes: files appear complete or not at all."""

import os
import platform
import re
import time
from contextlib import contextmanager
from pathlib import Path

from tfdcu.workdir.full_disk import DiskFull
from tfdcu.workdir.full_disk import is_full

# `.<name>.<machine>-<process>.tmp`
TEMPORARY = re.compile(r"\..+\.(\w*)-(\d+)\.tmp")
MACHINE = re.sub(r"\W", "_", platform.node())
# Age in seconds at which files of other machines count as left behind.
PATIENCE = 3600


@contextmanager
def atomic_write(*paths):
    """Writes temporary files and renames them together at the end.

    Inside the block every path has a temporary file in its folder. At the end
    of the block the temporary files are renamed in order, so if the last path
    exists, the others do too. After any error, `KeyboardInterrupt` included,
    the temporary files are deleted and existing files are unchanged.

    Args:
        *paths: Files to write; missing folders are created.

    Yields:
        The temporary files as a list of `Path`, in the order of `paths`.

    Raises:
        ValueError: If a folder cannot be created or written.
        DiskFull: An `OSError`, if the disk fills up; `errno` is kept.

    Example:

    ```python
    with atomic_write("labels.json") as (labels,):
        labels.write_text("{}")
    ```
    """
    paths = [Path(path) for path in paths]
    mark = f"{MACHINE}-{os.getpid()}.tmp"
    beside = [path.with_name(f".{path.name}.{mark}") for path in paths]
    try:
        for path, temporary in zip(paths, beside):
            _create(path, temporary)
        yield beside
        for temporary in beside:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        for path, temporary in zip(paths, beside):
            os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, DiskFull) or not is_full(error):
            raise
        raise DiskFull(
            error.errno,
            f"The disk filled up while '{paths[-1]}' was written; no partial "
            "file is left. Expected: enough free space for the file. "
            f"Received: {error}",
        ) from error
    finally:
        for temporary in beside:
            _remove(temporary)


def remove_temporary(folder):
    """Deletes temporary files left by killed processes under a folder.

    Files that another process may still write are kept: those of a running
    process, or, on another machine, those changed within the last hour.

    Args:
        folder: Path to which this process is not writing.
    """
    for path in Path(folder).rglob(".*.tmp"):
        found = TEMPORARY.fullmatch(path.name)
        if found and not _may_be_written(path, found[1], int(found[2])):
            path.unlink(missing_ok=True)


def _may_be_written(path, machine, process):
    # Only on POSIX does signal 0 do nothing.
    if machine == MACHINE and os.name == "posix":
        return process != os.getpid() and is_running(process)
    try:
        return time.time() - path.stat().st_mtime < PATIENCE
    except FileNotFoundError:
        return False


def is_running(process):
    """Whether a process of this machine exists. Not on Windows."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _create(path, temporary):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        if is_full(error):
            raise
        raise ValueError(
            f"The folder of '{path}' cannot be written. Expected: a folder in "
            f"which files can be created. Received: {error}"
        ) from error


def _remove(temporary):
    try:
        temporary.unlink(missing_ok=True)
    except NotADirectoryError:
        # A parent is a file, so no temporary file was created.
        return
