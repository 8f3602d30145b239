"""What all trials of a search share: teacher, data, config and objective."""

import dataclasses
import inspect
import json
import tempfile
from pathlib import Path

import numpy as np

from tfdcu.models import copy_of
from tfdcu.pool.diagnose import diagnose
from tfdcu.pruning import score_channels
from tfdcu.search.objective import Objective
from tfdcu.search.space import check_names
from tfdcu.search.space import read_space
from tfdcu.search.space import with_values
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config
from tfdcu.stages.config import check_needs
from tfdcu.stages.config import check_values
from tfdcu.stages.prune import sample
from tfdcu.stages.run import Run
from tfdcu.stages.select import select
from tfdcu.stages.start import open_all
from tfdcu.stages.start import open_splits
from tfdcu.stages.targets import MIXING
from tfdcu.stages.targets import store_targets
from tfdcu.training.train import train
from tfdcu.workdir.arguments import check_arguments


class Trials:
    """Opens once what every trial needs, and judges every student alike.

    Args:
        teacher, labeled, unlabeled, student, validation, test, data, batches,
        select, channels, sparsity, transfer, training, export, seed: As in
            `tfdcu.compress`.
        space: See `read_space`.
        cost: One of `"macs"`, `"params"`, `"bytes"` and `"latency_ms"`.
        quality: `"accuracy"` on the validation images or `"agreement"` with
            the teacher on held-out images of the pool. Defaults to `None`:
            accuracy where there are validation images.
        limits: Dict from cost to the most that a student may cost.
        pool_share: Float in (0, 1], the share of the pool a trial trains on.
        epochs_share: Float in (0, 1], the share of the epochs it trains for.
        tradeoff: Float, at least 0: the quality that halving the cost is worth.
        folder: Where teacher targets are kept for all trials; a temporary
            one by default.

    Raises:
        ValueError: If an argument does not fit.

    Attributes:
        teacher: The teacher, a model with logits.
        config: Dict of sections, with `seed` and `baseline`.
        leaves: What is searched.
        objective: The `Objective` of all students.
        sources: Dict of the sources, as they were given.
    """

    def __init__(
        self,
        teacher,
        labeled,
        unlabeled,
        *,
        space,
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
        check_names("section", sections, SECTIONS)
        check_arguments(
            seed=seed,
            pool_share=pool_share,
            epochs_share=epochs_share,
            tradeoff=tradeoff,
        )
        config = check_config(sections)
        if sections.get("channels") is None and student is None:
            config["channels"] = {"macs": 0.5}
        self.leaves = read_space(space, config)
        given = sections.get("channels") is not None
        searched = [leaf.name.partition(".")[0] for leaf in self.leaves]
        if student is not None and (given or "channels" in searched):
            raise ValueError(
                "A given student is not pruned. Expected: `student`, or "
                "`channels` given or searched. Received: "
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
            teacher, student, self.sources, config, seed
        )
        self.image_shape = splits.unlabeled.image_shape
        self.prepared = {key_of(config["data"]): splits}
        drawn = config["data"].get("validation_per_class")
        has_labels = validation is not None or (labeled is not None and drawn)
        quality = quality or ("accuracy" if has_labels else "agreement")
        self.objective = Objective(
            self.teacher, quality, cost, limits, tradeoff, "export" in searched
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
        self.shares = {}
        if folder is None:
            # Kept as long as this object: it is deleted with it.
            self.temporary = tempfile.TemporaryDirectory()
            folder = self.temporary.name
        self.folder = Path(folder)

    def check(self):
        """Raise what trials and winners would raise, before the first one.

        Tries the config as it stands, and each value of a choice and each end
        of a range in it. Those of `data` and `select` are tried by trials.

        Raises:
            ValueError: The first that is found.
        """
        splits = self.whole(self.config)
        stands = {leaf.name: leaf.default for leaf in self.leaves}
        others = [
            {leaf.name: value}
            for leaf in self.leaves
            for value in leaf.limits()
            if value != leaf.default
        ]
        for other in [{}, *others]:
            config = self.full(stands | other)
            check_needs(config, self.sources["labeled"], baseline=False)
            check_values(config, splits, self.teacher, self.student)

    def values(self, hp):
        """The values of a `keras_tuner.HyperParameters`, by leaf."""
        return {leaf.name: leaf.ask(hp) for leaf in self.leaves}

    def full(self, values):
        """The config of a student that is trained in full."""
        return with_values(self.config, values)

    def short(self, values):
        """The config of a trial: fewer epochs where a share is set."""
        config = self.full(values)
        epochs = max(1, round(self.epochs_share * epochs_of(config)))
        config["training"] = {**config["training"], "epochs": epochs}
        return config

    def whole(self, config):
        """The data of a config before anything is selected, opened once."""
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
        """The data of a config, opened and held once; trials' share of it."""
        cache = config["batches"].get("cache", "auto")
        key = key_of(config["data"], config["select"], cache)
        if key not in self.opened:
            self.opened[key] = self.open(config)
        return self.opened[key]

    def open(self, config):
        """See `splits`."""
        run = Run(config, self.teacher, self.whole(config), self.folder)
        select(run)
        splits, pool = run.splits, run.splits.unlabeled
        if self.pool_share < 1:
            num = max(1, round(self.pool_share * pool.num_images))
            generator = np.random.default_rng(config["seed"])
            pool = pool.subset(
                generator.choice(pool.num_images, num, replace=False)
            )
        cache = config["batches"].get("cache", "auto")
        held = {"unlabeled": pool, "labeled": splits.labeled}
        for name, source in held.items():
            # What each trial would decode and keep is decoded and kept once.
            if source is not None and (
                cache is True
                or (
                    cache == "auto"
                    and source.fixed_order
                    and source.fits_in_memory()
                )
            ):
                held[name] = source.in_memory()
        return dataclasses.replace(splits, **held)

    def run(self, config):
        """A new `Run` of a config, for a trial.

        Args:
            config: Dict of sections, as `short` gives it.

        Returns:
            A `Run` on the trial's share of the pool, which has gone through
            the stages before the pruning.
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
            diagnosis={"shares": self.class_shares(config)},
            targets=self.targets(config),
            models={"teacher": self.teacher},
        )

    def targets(self, config):
        """The teacher's targets of a config, made once, or `None`."""
        batches = config["batches"]
        mixing = [batches.get(key) for key in MIXING if batches.get("mix")]
        key = key_of(
            config["data"],
            config["select"],
            config["targets"],
            batches.get("augment"),
            *mixing,
        )
        if key not in self.stored:
            splits = self.splits(config)
            run = Run(config, self.teacher, splits, self.folder)
            store_targets(run)
            self.stored[key] = run.targets
        return self.stored[key]

    def class_shares(self, config):
        """How often the teacher puts each class first, where that matters."""
        if not config["transfer"].get("mimic_balance"):
            return None
        key = key_of(config["data"], config["select"])
        if key not in self.shares:
            pool, seed = self.splits(config).unlabeled, config["seed"]
            found = diagnose(self.teacher, None, pool, seed=seed)
            self.shares[key] = found["shares"]
        return self.shares[key]

    def importance(self, config):
        """The importance of the teacher's channels, found out once."""
        name = config["channels"].get("importance")
        if callable(name):
            return name
        key = key_of(config["data"], config["select"], name)
        if key not in self.known:
            seed = config["seed"]
            self.known[key] = score_channels(
                self.teacher,
                sample(self.splits(config), seed),
                importance=name,
                seed=seed,
            )
        return self.known[key]


def epochs_of(config):
    """How many epochs a config trains for."""
    default = inspect.signature(train).parameters["epochs"].default
    return config["training"].get("epochs", default)


def key_of(*parts):
    """Parts of a config as text that is the same for equal ones."""
    return json.dumps(parts, sort_keys=True, default=str)
