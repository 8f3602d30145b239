"""The files that a run wrote itself, with checksums, and its lock."""

import contextlib
import datetime
import hashlib
import json
import os
import platform
import re
from pathlib import Path

import filelock

from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.json_file import read_json

LIST = "files.json"
# Seconds to wait for processes that start together.
PATIENCE = 5
# Results that are read together: a JSON file, and the models to make again
# when it is lost, since both are written in one go.
TOGETHER = {
    "channels/*.json": ("pruned*.keras", "channels/*.json"),
    "training/student*.json": ("student.keras",),
    "training/quantized*.json": ("quantized.keras",),
    "training/baseline.json": ("baseline.keras",),
}


def checksum(path):
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def record_files(folder, names):
    """Add files of a folder to its list, with the checksums they have now.

    Args:
        folder: Path of the run.
        names: Paths relative to it; those that do not exist are taken off.
    """
    folder, listed = Path(folder), read_list(folder)
    for name in names:
        listed.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            listed[name] = checksum(folder / name)
    with atomic_write(folder / LIST) as (file,):
        file.write_text(json.dumps(listed, indent=2) + "\n", "utf-8")


def read_list(folder):
    """Dict from name to checksum of the files that a run wrote.

    Raises:
        ValueError: If the list itself is damaged.
    """
    path = Path(folder) / LIST
    if not path.exists():
        return {}
    try:
        listed = dict(read_json(path))
        for name, wanted in listed.items():
            check_listed(folder, name, wanted)
        return listed
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"The list of a run's files, '{path}', is damaged. Expected: the "
            "list as tfdcu wrote it, of files in the folder, or another "
            "workdir. "
            f"Received: {error}"
        ) from error


def check_listed(folder, name, wanted):
    """Raise unless a name is a file's in the folder: it may be deleted."""
    folder, path = Path(folder).resolve(), Path(folder) / name
    inside = path.parent.resolve().is_relative_to(folder)
    if not inside or path.is_dir() or not isinstance(wanted, str):
        raise ValueError(f"{name!r}: {wanted!r}")


def drop_changed(folder):
    """Delete what is not as the run wrote it, so that it is made again.

    Args:
        folder: Path of the run.

    Returns:
        A sentence for each file that was changed or is missing.
    """
    folder, said, bad = Path(folder), [], set()
    for name, wanted in read_list(folder).items():
        path = folder / name
        if not path.is_file():
            said.append(f"The run's file '{path}' is missing; it is made again")
        elif checksum(path) != wanted:
            said.append(
                f"The run's file '{path}' was changed or damaged since it was "
                "written; it is made again"
            )
        else:
            continue
        bad.add(name)
        for pattern, others in TOGETHER.items():
            if Path(name).match(pattern):
                found = [f for other in others for f in folder.glob(other)]
                bad |= {f.relative_to(folder).as_posix() for f in found}
    if bad:
        # A finished run is finished again.
        for name in {*bad, "report.html"}:
            (folder / name).unlink(missing_ok=True)
        record_files(folder, {*bad, "report.html"})
    return said


def lock_folder(folder, worker=None):
    """Take a folder for this process, alone or as one of several workers.

    Args:
        folder: Path; created if missing.
        worker: Name of this process among those that share the folder.
            Defaults to `None`: it is shared with no other.

    Returns:
        A `filelock.FileLock` to `release()`.

    Raises:
        ValueError: If another process has the folder, or has this name in it;
            the message names that process.
    """
    folder = Path(folder)
    if worker is None:
        lock = _take(folder, ".lock")
        try:
            for other in folder.glob(".lock-*.json"):
                _take(folder, other.stem).release()
        except BaseException:
            lock.release()
            raise
        return lock
    # Held by one that is alone, or for a moment by others that begin.
    gate = _take(folder, ".lock", PATIENCE)
    name = re.sub(r"[^\w.-]", "_", worker)
    try:
        return _take(folder, f".lock-{name}")
    finally:
        gate.release()


def _take(folder, name, seconds=0):
    """The lock of that name, with a file beside it that says whose it is."""
    about = folder / f"{name}.json"
    lock = filelock.FileLock(folder / name)
    holder = {
        "process": os.getpid(),
        "host": platform.node(),
        "since": f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}",
    }
    try:
        with atomic_write(about) as (file,):
            lock.acquire(timeout=seconds)
            file.write_text(json.dumps(holder), "utf-8")
    except filelock.Timeout as error:
        try:
            there = read_json(about)
            who = "process {process} on {host} since {since}".format(**there)
        except (OSError, ValueError, LookupError, TypeError):
            who = "another process"
        worker = name.removeprefix(".lock-")
        which = f" as '{worker}'" if worker != name else ""
        raise ValueError(
            "The workdir is in use. Expected: one run at a time in a folder, "
            "or a search whose processes have names of their own; wait for "
            "it, or give another workdir. "
            f"Received: {folder}, in use{which} by "
            f"{who}"
        ) from error
    except BaseException:
        lock.release()
        raise
    return lock
