"""The record of a run: what it is of, and what its stages made so far."""

import dataclasses
from pathlib import Path

import filelock
import keras

from tfdcu.data.prepare import Splits
from tfdcu.workdir.workdir import Workdir


@dataclasses.dataclass
class Run:
    """What every stage is given, reads and adds to.

    Attributes:
        config: Dict from section to its options, with `seed` and `baseline`.
        teacher: The teacher, a functional model that ends in logits.
        splits: The images.
        folder: Where things that may be made once are kept.
        workdir: The `Workdir` of a run that goes on after a kill; `None` for a
            trial of a search, which makes everything where it stands.
        lock: What keeps other processes out of `folder`.
        given_student: A student to train instead of the pruned teacher.
        diagnosis: What `tfdcu.diagnose` found.
        selection: What `tfdcu.select_pool` found, if the pool is selected.
        targets: Stored teacher targets, of labeled images and pool, or `None`.
        plan: What pruning removed, see `merge_plans`.
        models: Dict from `teacher`, `pruned`, `baseline`, `student` to model.
        files: Dict from (model, format) to the path of a LiteRT file.
        failed: Dict from a file that failed, `"student int8"`, to the reason.
        rows: Rows of the report, a `Row` for each model and file.
        notes: Sentences for the report.
    """

    config: dict
    teacher: keras.Model
    splits: Splits
    folder: Path
    workdir: Workdir | None = None
    lock: filelock.BaseFileLock | None = None
    given_student: keras.Model | None = None
    diagnosis: dict = dataclasses.field(default_factory=dict)
    selection: dict = dataclasses.field(default_factory=dict)
    targets: tuple | None = None
    plan: dict = dataclasses.field(
        default_factory=lambda: {"groups": [], "unprunable": {}, "kept": {}}
    )
    models: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)
    failed: dict = dataclasses.field(default_factory=dict)
    rows: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    @property
    def seed(self):
        """The seed of everything random in the run."""
        return self.config["seed"]

    @property
    def class_shares(self):
        """How often the teacher puts each class first on the pool."""
        return self.selection.get("kept_shares") or self.diagnosis.get("shares")

    def cached_json(self, name, make):
        """What `make()` gives, read from the workdir if it was made before."""
        return self.workdir.cached_json(name, make) if self.workdir else make()

    def cached_model(self, name, make):
        """A model that `make()` gives, read from the workdir's file of it."""
        return self.workdir.model(name, make) if self.workdir else make()

    def say(self, sentences):
        """Print sentences now, and put them into the report's notes."""
        for sentence in sentences:
            print(sentence)
            self.notes.append(sentence)
