"""What all trials share: teacher, data, config and objective."""

import dataclasses
import inspect
import json
import tempfile
from pathlib import Path

import numpy as np

from tfdcu.models import copy_of
from tfdcu.pruning import chosen_size
from tfdcu.pruning import score_channels
from tfdcu.pruning import with_size
from tfdcu.renamed import refuse_renamed
from tfdcu.search.objective import Objective
from tfdcu.search.objective import check_objective
from tfdcu.search.space import check_names
from tfdcu.search.space import read_space
from tfdcu.search.space import with_values
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config
from tfdcu.stages.config import check_needs
from tfdcu.stages.config import check_values
from tfdcu.stages.config import identity_of
from tfdcu.stages.prune import sample
from tfdcu.stages.run import Run
from tfdcu.stages.start import open_all
from tfdcu.stages.start import open_splits
from tfdcu.stages.targets import store_targets
from tfdcu.training.train import train
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.fingerprint import fingerprint
from tfdcu.workdir.fingerprint import fingerprint_of


class Trials:
    """Opens everything that trials share, once.

    Args:
        teacher, labeled, unlabeled, preprocess, student, validation, test,
            seed: As in `tfdcu.compress`.
        space: See `read_space`.
        cost, quality, limits, pool_share, epochs_share, tradeoff: As in
            `tfdcu.search`.
        folder: Folder for teacher targets. Defaults to `None`, a temporary
            one.
        **sections: Sections of the config, as in `tfdcu.compress`.

    Raises:
        ValueError: If an argument is invalid.

    Attributes:
        teacher: The teacher, a model with logits.
        config: Dict of sections, with `seed` and `baseline`.
        leaves: The searched fields, a list of `Range` and `Choices`.
        objective: The `Objective` of all students.
        sources: Dict of the given sources.
    """

    def __init__(
        self,
        teacher,
        labeled,
        unlabeled,
        *,
        space,
        preprocess=None,
        student=None,
        validation=None,
        test=None,
        cost="macs",
        quality=None,
        limits=None,
        pool_share=1.0,
        epochs_share=1.0,
        tradeoff=0.01,
        folder=None,
        seed=0,
        **sections,
    ):
        refuse_renamed("search", sections)
        check_names("section", sections, SECTIONS)
        check_arguments(
            seed=seed,
            pool_share=pool_share,
            epochs_share=epochs_share,
            tradeoff=tradeoff,
        )
        check_objective(quality, cost, limits)
        config = check_config(sections)
        if sections.get("channels") is None and student is None:
            config["channels"] = {"macs": 0.5}
        with naming("space"):
            self.leaves = read_space(space, config)
        given = sections.get("channels") is not None
        searched = [leaf.name.partition(".")[0] for leaf in self.leaves]
        if student is not None and (given or "channels" in searched):
            raise ValueError(
                "A given student is not pruned. Expected: either `student` or "
                "`channels`, given or searched. Received: "
                f"student={student!r}, channels={sections.get('channels')!r}, "
                f"a search over {[leaf.name for leaf in self.leaves]}"
            )
        self.pool_share, self.epochs_share = pool_share, epochs_share
        self.sources = {
            "labeled": labeled,
            "unlabeled": unlabeled,
            "validation": validation,
            "test": test,
        }
        self.teacher, self.student, splits = open_all(
            teacher, preprocess, student, self.sources, config, seed
        )
        self.image_shape = splits.unlabeled.image_shape
        self.prepared = {key_of(config["data"]): splits}
        drawn = config["data"].get("validation_per_class")
        has_labels = validation is not None or (labeled is not None and drawn)
        if quality is None:
            quality = "accuracy" if has_labels else "agreement"
        integers = config["quantization"].get("weight_bits") is not None
        files = integers or not {"export", "quantization"}.isdisjoint(searched)
        self.objective = Objective(
            self.teacher, quality, cost, limits, tradeoff, files
        )
        if quality == "accuracy" and not has_labels:
            raise ValueError(
                "There are no images to measure accuracy on. Expected: a "
                "`validation` source or data.validation_per_class, or "
                "quality='agreement', which needs no labels. Received: "
                f"quality={quality!r} without either"
            )
        self.config = {**config, "baseline": False, "seed": seed}
        self.opened = {}
        self.stored = {}
        self.known = {}
        if folder is None:
            # Deleted together with this object.
            self.temporary = tempfile.TemporaryDirectory()
            folder = self.temporary.name
        self.folder = Path(folder)

    def check(self):
        """Raise the errors of trials and winners before the first trial.

        Checks the config with each value of a choice and each end of a range,
        except those that need other data.

        Raises:
            ValueError: For the first invalid option.
        """
        splits = self.prepare(self.config)
        defaults = {leaf.name: leaf.default for leaf in self.leaves}
        others = [
            {leaf.name: value}
            for leaf in self.leaves
            for value in leaf.limits()
            if value != leaf.default
        ]
        for other in [{}, *others]:
            config = self.full(defaults | other)
            self.check_held_out(config)
            check_needs(config, self.sources["labeled"], baseline=False)
            check_values(config, splits, self.teacher, self.student)

    def identity(self):
        """What the outcomes of trials depend on, but for the tuner, as JSON."""
        given = {
            name: fingerprint_of(source)
            for name, source in self.sources.items()
        }
        return {
            **identity_of(self.config),
            **self._asked(),
            "teacher": fingerprint(self.teacher),
            "student": self.student and fingerprint(self.student),
            **given,
            "images": self.prepare(self.config).describe(),
            "pool_share": self.pool_share,
            "epochs_share": self.epochs_share,
        }

    def describe(self):
        """What is searched and for what, with the teacher, for the record."""
        teacher = self.objective.teacher_row(self.splits(self.config))
        return {**self._asked(), "teacher": teacher}

    def _asked(self):
        """Space, objective and seed, as JSON."""
        return {
            "seed": self.config["seed"],
            "space": {leaf.name: repr(leaf) for leaf in self.leaves},
            "quality": self.objective.quality,
            "cost": self.objective.cost,
            "limits": self.objective.limits,
            "tradeoff": self.objective.tradeoff,
        }

    def check_held_out(self, config):
        """Raise if there are no images to measure agreement on."""
        splits = self.prepare(config)
        accuracy = self.objective.quality == "accuracy"
        if not accuracy and splits.pool_validation is None:
            raise ValueError(
                "No pool images are held out to measure agreement on. "
                "Expected: a pool of at least 10 images, or "
                "data.pool_validation, how many of them to hold out. Received: "
                f"{splits.unlabeled.num_images} images, "
                f"data.pool_validation={config['data'].get('pool_validation')}"
            )

    def values(self, hp):
        """The values in a `keras_tuner.HyperParameters`, by field."""
        return {leaf.name: leaf.ask(hp) for leaf in self.leaves}

    def full(self, values):
        """The config of a trial's values, to train in full."""
        return with_values(self.config, values)

    def short(self, values):
        """The same with the epochs of a trial."""
        config = self.full(values)
        epochs = max(1, round(self.epochs_share * epochs_of(config)))
        config["training"] = {**config["training"], "epochs": epochs}
        return config

    def prepare(self, config):
        """The data of a config, opened once."""
        key = key_of(config["data"])
        if key not in self.prepared:
            self.prepared[key] = open_splits(
                self.teacher,
                self.sources,
                config,
                self.image_shape,
                config["seed"],
            )
        return self.prepared[key]

    def splits(self, config):
        """The data that trials of a config train on, opened once."""
        key = key_of(config["data"])
        if key not in self.opened:
            self.opened[key] = self._open(config)
        return self.opened[key]

    def _open(self, config):
        """Draw the trials' share of the pool, load into memory."""
        splits = self.prepare(config)
        pool = splits.unlabeled
        if self.pool_share < 1:
            num = max(1, round(self.pool_share * pool.num_images))
            generator = np.random.default_rng(config["seed"])
            pool = pool.subset(
                generator.choice(pool.num_images, num, replace=False)
            )
        held = {"unlabeled": pool, "labeled": splits.labeled}
        for name, source in held.items():
            # Decode once what every trial would decode and cache.
            if source and source.fixed_order and source.fits_in_memory():
                held[name] = source.in_memory()
        return dataclasses.replace(splits, **held)

    def run(self, config):
        """The `Run` of a trial, ready for pruning.

        Args:
            config: Dict of sections, as `short` gives it.

        Returns:
            A `Run` on the trial's share of the pool.
        """
        if self.student is None:
            channels = {**config["channels"], "rounds": 1}
            channels["importance"] = self.importance(config)
            config = {**config, "channels": channels}
        return Run(
            config,
            self.teacher,
            self.splits(config),
            self.folder,
            given_student=self.student and copy_of(self.student),
            targets=self.targets(config),
            models={"teacher": self.teacher},
        )

    def targets(self, config):
        """The stored targets of a config, computed once, or `None`."""
        key = key_of(
            config["data"],
            config["targets"],
            config["batches"].get("augment"),
        )
        if key not in self.stored:
            splits = self.splits(config)
            run = Run(config, self.teacher, splits, self.folder)
            store_targets(run)
            self.stored[key] = run.targets
        return self.stored[key]

    def importance(self, config):
        """The importance of the teacher's channels, computed once."""
        name = config["channels"].get("importance")
        if callable(name):
            return name
        channels = config["channels"]
        size = chosen_size(self.teacher, channels.get("image_size"), channels)
        augment = config["batches"].get("augment")
        key = key_of(config["data"], augment, name, size)
        if key not in self.known:
            seed = config["seed"]
            model = with_size(self.teacher, size)
            sized = self.splits(config).sized(model.input_shape[1:])
            self.known[key] = score_channels(
                model,
                sample(sized, seed, augment),
                importance=name,
                seed=seed,
            )
        return self.known[key]


def epochs_of(config):
    """The number of epochs of a config."""
    default = inspect.signature(train).parameters["epochs"].default
    return config["training"].get("epochs", default)


def key_of(*parts):
    """Parts of a config as text, equal for equal parts."""
    return json.dumps(parts, sort_keys=True, default=str)
