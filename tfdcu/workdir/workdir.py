"""The run directory: what run it holds, what is done, how long it took."""

import contextlib
import json
import time
from pathlib import Path

import keras

from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.atomic import remove_temporary
from tfdcu.workdir.atomic import with_ending

# What a run leaves that a later start takes up.
RESULTS = (
    "pruned.keras",
    "student.keras",
    "baseline.keras",
    "report.json",
    "channels",
    "diagnosis.json",
    "selection.json",
    "targets",
    "training",
)


class Workdir:
    """A folder that holds one run, and knows which.

    The first file in it is `config.json`, with the run's config and the
    versions it started under; a folder that holds another run, or results
    without a config, is refused. Every file appears whole or not at all; what
    a killed start was about to write is cleared away.

    Args:
        path: The folder; created when missing.
        config: Dict that can be written as JSON; what makes a run another.
        versions: Dict from package to version.
        custom_objects: Dict from name to class, of layers in the run's models
            that Keras does not know. Defaults to `None`, no such layers.

    Raises:
        ValueError: If the folder cannot be written, holds a run of another
            config (the message names the fields that differ) or results that
            are not of a run.

    Attributes:
        path: `Path` of the folder.
        config: The config, as it is in JSON.
        versions: Dict of the versions the run was started under.
        keep_time: Function that writes what the stage has taken so far.
    """

    def __init__(self, path, config, versions, custom_objects=None):
        self.path = Path(path)
        self.custom_objects = custom_objects
        self.config = json.loads(json.dumps(config, default=str))
        self.versions = self.claim(self.config, versions)

    def claim(self, config, versions):
        """Write `config.json`, or compare with the one that is there."""
        file = self.path / "config.json"
        if not file.exists():
            self.refuse_foreign([r for r in RESULTS if self.holds(r)])
            self.write_json("config.json", {**config, "versions": versions})
            return versions
        try:
            there = json.loads(file.read_text("utf-8"))
            started_under = there.pop("versions")
        except (ValueError, LookupError, AttributeError, TypeError):
            self.refuse_foreign(["config.json"])
        fields = diff(there, config)
        if fields:
            raise ValueError(
                "The workdir holds a run of another config. Expected: the "
                f"same config as in {file}, or another workdir. Received: "
                + "; ".join(fields)
            )
        remove_temporary(self.path)
        return started_under

    def refuse_foreign(self, found):
        """Raise if there are files that no run of this folder wrote."""
        if found:
            raise ValueError(
                "The workdir holds files that are not of a run. Expected: an "
                "empty or new folder, or one with a run that tfdcu started. "
                f"Received: {self.path} with {', '.join(found)}"
            )

    def holds(self, name):
        """Whether a file or folder of that name is there."""
        return (self.path / name).exists()

    def write_json(self, name, value):
        """Write a JSON file into the folder."""
        with atomic_write(self.path / name) as (beside,):
            beside.write_text(json.dumps(value, indent=2) + "\n", "utf-8")

    def read_json(self, name, default=None):
        """A JSON file of the folder, or `default` when it is not there."""
        file = self.path / name
        if not file.exists():
            return default
        return json.loads(file.read_text("utf-8"))

    def renew(self, name, value, results):
        """Write a JSON file; where another one was there, drop its results.

        Args:
            name: Name of the file.
            value: What it holds.
            results: Names of files that were made with the former value.
        """
        value = json.loads(json.dumps(value, default=str))
        if self.holds(name) and self.read_json(name) == value:
            return
        for result in results:
            (self.path / result).unlink(missing_ok=True)
        self.write_json(name, value)

    def cached_json(self, name, make):
        """A JSON file of the folder, made by `make()` unless it is there."""
        if not self.holds(name):
            self.write_json(name, make())
        return self.read_json(name)

    def model(self, name, make):
        """The model `<name>.keras`, made and saved unless it is there.

        Args:
            name: File name without its end.
            make: Function without arguments that returns the model.

        Returns:
            A `keras.Model`, always read from the file.
        """
        file = self.path / f"{name}.keras"
        if not file.exists():
            save_model(make(), file)
        return keras.models.load_model(
            file,
            custom_objects=self.custom_objects,
            compile=False,
            safe_mode=True,
        )

    @contextlib.contextmanager
    def stage(self, name):
        """Add the seconds inside the block to `seconds.json`.

        They are written at its end, and inside it by `keep_time`, for a kill
        lets nothing come to its end.
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
        """Dict from stage to seconds, over all starts of the run.

        Of a start that was killed, up to its last `keep_time`.
        """
        return self.read_json("seconds.json", {})


def save_model(model, path):
    """Save a `.keras` file, whole or not at all."""
    with atomic_write(path) as (beside,), with_ending(beside, ".keras") as file:
        model.save(file)


def diff(first, second, prefix=""):
    """Sentences naming the leaves in which two nested dicts differ."""
    found = []
    for key in sorted({*first, *second}):
        one, two = first.get(key), second.get(key)
        if isinstance(one, dict) and isinstance(two, dict):
            found += diff(one, two, f"{prefix}{key}.")
        elif one != two:
            found.append(f"{prefix}{key} is {two!r}, there {one!r}")
    return found
