"""Temporary folders that do not outlive a killed process for long."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from tfdcu.workdir.atomic import MACHINE
from tfdcu.workdir.atomic import is_running
from tfdcu.workdir.full_disk import DiskFull
from tfdcu.workdir.full_disk import is_full

# `tfdcu-<machine>-<process>-<random>`
NAME = re.compile(r"tfdcu-(\w*)-(\d+)-\w+")


@contextlib.contextmanager
def temporary_folder():
    """A temporary folder, deleted at the end of the block.

    Yields:
        Its path, a string.

    Raises:
        DiskFull: If an error in the block says that a disk is full.
    """
    place, prefix = "none", f"tfdcu-{MACHINE}-{os.getpid()}-"
    try:
        place = tempfile.gettempdir()
        with tempfile.TemporaryDirectory(prefix=prefix) as folder:
            yield folder
    except DiskFull:
        raise
    except Exception as error:
        # No candidate for temporary files could be written.
        nowhere = isinstance(error, FileNotFoundError) and place == "none"
        if not is_full(error) and not nowhere:
            raise
        raise DiskFull(
            errno.ENOSPC,
            "The folder for temporary files is full. Expected: enough free "
            f"space in '{place}', or another folder in the environment "
            f"variable TMPDIR. Received: {str(error)[:200]}",
        ) from error


def remove_temporary_folders():
    """Deletes the temporary folders of processes of this machine that died.

    On POSIX: elsewhere nobody can be asked whether a process exists.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            found = NAME.fullmatch(path.name)
            if found and found[1] == MACHINE and not is_running(int(found[2])):
                shutil.rmtree(path, ignore_errors=True)
