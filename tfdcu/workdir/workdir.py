"""The folder of one run: its config, results and times."""

import contextlib
import json
import shutil
import time
from pathlib import Path

import keras

from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.atomic import remove_temporary
from tfdcu.workdir.full_disk import MemoryFile
from tfdcu.workdir.json_file import read_json
from tfdcu.workdir.own_files import drop_changed
from tfdcu.workdir.own_files import read_list
from tfdcu.workdir.own_files import record_files
from tfdcu.workdir.temporary import remove_temporary_folders

# Results that a resumed run reuses.
RESULTS = (
    "pruned.keras",
    "student.keras",
    "baseline.keras",
    "report.json",
    "channels",
    "diagnosis.json",
    "targets",
    "training",
)


class Workdir:
    """The folder of one run.

    Its first file, `config.json`, holds the config and the package versions
    with which the run was started. A folder with another run, or with results
    but no config, is refused. Files are written atomically; temporary files of
    a killed run are deleted.

    Args:
        path: The folder; created if missing.
        config: Dict that can be written as JSON; identifies the run.
        versions: Dict from package to version.
        custom_objects: Dict from name to class, for custom layers of the run's
            models. Defaults to `None`.

    Raises:
        ValueError: If the folder cannot be written, or holds a run with
            another config (the message names the fields that differ) or files
            that are not of a run.

    Attributes:
        path: `Path` of the folder.
        config: The config as read back from JSON.
        versions: Dict of the versions with which the run was started.
        remade: A sentence for each file of the run that was changed since it
            was written, or is missing, and so is made again.
        keep_time: Function that saves the seconds of the current stage so far.
    """

    def __init__(self, path, config, versions, custom_objects=None):
        self.path = Path(path)
        self.custom_objects = custom_objects
        self.remade = []
        self.config = json.loads(json.dumps(config, default=str))
        self.versions = self.claim(self.config, versions)

    def claim(self, config, versions):
        """Writes `config.json`, or compares `config` with the existing file."""
        file = self.path / "config.json"
        remove_temporary(self.path)
        remove_temporary_folders()
        if not file.exists():
            self.refuse_foreign([r for r in RESULTS if self.holds(r)])
            self.write_json("config.json", {**config, "versions": versions})
            return versions
        try:
            there = read_json(file)
            started_under = there.pop("versions")
        except (ValueError, LookupError, AttributeError, TypeError):
            self.refuse_foreign(["config.json"])
        fields = diff(there, config)
        if fields:
            raise ValueError(
                "The workdir holds a run with another config. Expected: the "
                f"same config as in {file}, or another workdir. Received: "
                + "; ".join(fields)
            )
        self.remade = drop_changed(self.path)
        return started_under

    def refuse_foreign(self, found):
        """Raises if there are files that are not of a run."""
        if found:
            raise ValueError(
                "The workdir holds files that are not of a run. Expected: an "
                "empty or new folder, or one with a run that tfdcu started. "
                f"Received: {self.path} with {', '.join(found)}"
            )

    def holds(self, name):
        """Whether a file or folder of this name exists."""
        return (self.path / name).exists()

    def write_json(self, name, value):
        """Writes a JSON file into the folder."""
        with atomic_write(self.path / name) as (beside,):
            beside.write_text(json.dumps(value, indent=2) + "\n", "utf-8")

    def read_json(self, name, default=None):
        """Reads a JSON file of the folder; `default` if it does not exist."""
        file = self.path / name
        if not file.exists():
            return default
        try:
            return read_json(file)
        except ValueError as error:
            raise ValueError(unreadable(file, error)) from error

    def record(self, *names):
        """Lists files of the run, whose changes are noticed from now on."""
        record_files(self.path, names)

    def recorded(self):
        """Names of the files that `record` lists."""
        return list(read_list(self.path))

    def renew(self, name, value, results):
        """Write a JSON file; where another one was there, drop its results.

        Args:
            name: Name of the file.
            value: What it holds.
            results: Names of files and folders that were made with the former
                value.
        """
        value = json.loads(json.dumps(value, default=str))
        try:
            if self.holds(name) and self.read_json(name) == value:
                return
        except ValueError:
            # Damaged, so unlike any value.
            pass
        self.drop(*results)
        self.write_json(name, value)

    def drop(self, *names):
        """Deletes files and folders of the run; they may be missing."""
        for name in names:
            if (self.path / name).is_dir():
                shutil.rmtree(self.path / name)
            (self.path / name).unlink(missing_ok=True)
        self.record(*names)

    def cached_json(self, name, make):
        """Reads a JSON file; writes `make()` first if it does not exist."""
        if not self.holds(name):
            self.write_json(name, make())
            self.record(name)
        return self.read_json(name)

    def model(self, name, make):
        """Loads `<name>.keras`; makes and saves the model if it is missing.

        Args:
            name: File name without its suffix.
            make: Function without arguments that returns the model.

        Returns:
            A `keras.Model`, always loaded from the file.
        """
        file = self.path / f"{name}.keras"
        if not file.exists():
            save_model(make(), file)
            self.record(file.name)
        try:
            return keras.models.load_model(
                file,
                custom_objects=self.custom_objects,
                compile=False,
                safe_mode=True,
            )
        except Exception as error:
            raise ValueError(unreadable(file, error)) from error

    @contextlib.contextmanager
    def stage(self, name):
        """Adds the seconds spent in the block to `seconds.json`.

        Written at the end of the block, and inside it by `keep_time`, in case
        the process is killed.
        """
        before, start = self.seconds(), time.monotonic()

        def keep_time():
            spent = before.get(name, 0.0) + time.monotonic() - start
            self.write_json("seconds.json", {**before, name: round(spent, 2)})

        self.keep_time = keep_time
        try:
            yield
        finally:
            keep_time()

    def seconds(self):
        """Dict from stage to seconds, summed over all starts of the run.

        A killed start counts up to its last `keep_time`.
        """
        try:
            return self.read_json("seconds.json", {})
        except ValueError:
            # Only times are lost.
            return {}


def save_model(model, path):
    """Saves a `.keras` file atomically."""
    file = MemoryFile(".keras")
    model.save(file)
    with atomic_write(path) as (beside,):
        beside.write_bytes(file.getbuffer())


def unreadable(file, error):
    """The message for a file of a run that is damaged."""
    reason = str(error).strip() or type(error).__name__
    return (
        f"The run's file '{file}' cannot be read. Expected: the file as tfdcu "
        "wrote it, or none; without it, it is made again. Received: "
        f"{reason[:300]}"
    )


def diff(first, second, prefix=""):
    """Messages that name the leaves in which two nested dicts differ."""
    messages = []
    for key in sorted({*first, *second}):
        old, new = first.get(key), second.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            messages += diff(old, new, f"{prefix}{key}.")
        elif old != new:
            messages.append(f"{prefix}{key} is {new!r}, was {old!r}")
    return messages
