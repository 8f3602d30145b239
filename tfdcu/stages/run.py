"""The `Run` record: the inputs of a run and the results of its stages."""

import dataclasses
from pathlib import Path

import filelock
import keras

from tfdcu.data.prepare import Splits
from tfdcu.workdir.workdir import Workdir


@dataclasses.dataclass
class Run:
    """The one argument of every stage, which reads it and adds its results.

    Attributes:
        config: Dict from section to its options, with `seed` and `baseline`.
        teacher: The teacher, a functional model that ends in logits.
        splits: The images.
        folder: Folder for results that are computed once.
        workdir: The `Workdir` of a run that can be resumed; `None` for a trial
            of a search, which keeps its results in memory.
        lock: What keeps other processes out of `folder`.
        given_student: A student to train instead of the pruned teacher.
        diagnosis: What `tfdcu.diagnose` returned.
        targets: Pair of stored teacher targets, for the labeled images and
            the pool, or `None`.
        plan: What pruning removed, see `merge_plans`.
        models: Dict from `teacher`, `pruned`, `baseline`, `student` to model.
        files: Dict from (model, format) to the path of a LiteRT file.
        failed: Dict from a file that failed, `"student int8"`, to the reason.
        clients: Dict from the name of a file to the clients that it suits.
        mistakes: What the student newly mistakes, see `find_mistakes`.
        rows: Rows of the report, one for each model and file.
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
    targets: tuple | None = None
    plan: dict = dataclasses.field(
        default_factory=lambda: {"groups": [], "unprunable": {}, "kept": {}}
    )
    models: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)
    failed: dict = dataclasses.field(default_factory=dict)
    clients: dict = dataclasses.field(default_factory=dict)
    mistakes: dict = dataclasses.field(default_factory=dict)
    rows: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    @property
    def seed(self):
        """The seed for everything random in the run."""
        return self.config["seed"]

    def cached_json(self, name, make):
        """The result of `make()`, read from the workdir if it is there."""
        return self.workdir.cached_json(name, make) if self.workdir else make()

    def cached_model(self, name, make):
        """The model of `make()`, read from the workdir if it is there."""
        return self.workdir.model(name, make) if self.workdir else make()

    def say(self, sentences):
        """Print sentences and add them to the notes of the report."""
        for sentence in sentences:
            print(sentence)
            self.notes.append(sentence)
