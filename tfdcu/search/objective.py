"""The quality, the costs and the score of a student."""

import math

from tfdcu.evaluate import predict
from tfdcu.export import file_sizes
from tfdcu.export import latency
from tfdcu.export import trained_format
from tfdcu.graph.profile import profile
from tfdcu.search.space import check_names
from tfdcu.stages.export import export_model
from tfdcu.workdir.arguments import DICT
from tfdcu.workdir.arguments import WEIGHT
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.temporary import temporary_folder

COSTS = ("macs", "params", "bytes", "latency_ms")
# Costs of LiteRT files only.
FILE_COSTS = ("bytes", "latency_ms")
QUALITIES = ("accuracy", "agreement")


class Objective:
    """Measures quality and costs, checks limits and computes scores.

    Args:
        teacher: A `keras.Model` with logits.
        quality: `"accuracy"` on validation images or `"agreement"` with the
            teacher on held-out images of the pool.
        cost: One of `COSTS`.
        limits: Dict from cost to its maximum; `None` means no limit.
        tradeoff: Float, at least 0: the quality that halving the cost is worth.
        files: Whether to measure LiteRT files even if no cost needs them.

    Raises:
        ValueError: If a name is unknown or `tradeoff` is negative.

    Attributes:
        files: Whether LiteRT files are measured instead of Keras models.
    """

    def __init__(self, teacher, quality, cost, limits, tradeoff, files=False):
        check_objective(quality, cost, limits)
        check_arguments(tradeoff=tradeoff)
        self.limits = {k: v for k, v in (limits or {}).items() if v is not None}
        self.teacher, self.quality = teacher, quality
        self.cost, self.tradeoff = cost, tradeoff
        needed = {cost, *self.limits}
        self.timed = "latency_ms" in needed
        self.files = files or any(name in needed for name in FILE_COSTS)
        self.expected = {}
        self.reference = None

    def quality_of(self, model, splits):
        """Accuracy, or agreement with the teacher, in [0, 1].

        Args:
            model: A `keras.Model` or the path of a model or file.
            splits: `tfdcu.data.Splits` with images held out.
        """
        accuracy = self.quality == "accuracy"
        images = splits.validation if accuracy else splits.pool_validation
        if id(images) not in self.expected:
            expected = (
                images.labels()
                if accuracy
                else predict(self.teacher, images).choices
            )
            # Holding the images keeps their id valid.
            self.expected[id(images)] = images, expected
        _, expected = self.expected[id(images)]
        return predict(model, images).agreement(expected)

    def before(self, model, splits, export):
        """The costs of a student that are known before training.

        Args:
            model: A `keras.Model`.
            splits: `tfdcu.data.Splits`.
            export: Options of `export_all`; the first of `formats` is used.

        Returns:
            Dict from cost to number: those of the file.
        """
        if not self.files:
            return {}
        found = {}
        # The weights are not trained yet, so agreement is not required.
        lenient = {"min_agreement": 0.0}
        with temporary_folder() as folder:
            file = litert(model, splits, {**export, **lenient}, folder)
            found["bytes"] = file_sizes(file)["bytes"]
            if self.timed:
                found["latency_ms"] = latency({"model": file})["model"]
        return found

    def after(self, model, splits, export):
        """Quality and costs of a trained student, except latency.

        Args:
            model, splits, export: As in `before`.

        Returns:
            Dict with `quality` and the costs of the file.
        """
        if not self.files:
            return {"quality": self.quality_of(model, splits)}
        with temporary_folder() as folder:
            file = litert(model, splits, export, folder)
            quality = self.quality_of(file, splits)
            return {"quality": quality, "bytes": file_sizes(file)["bytes"]}

    def arithmetic(self, model):
        """Parameters and multiply-accumulates."""
        cost = profile(model)
        return {name: cost[name] for name in ("params", "macs")}

    def refusal(self, costs, unknown=()):
        """The limits that these costs exceed as text, or `None`.

        Args:
            costs: Dict from cost to number.
            unknown: Costs that are not final yet.
        """
        broken = [
            f"{name} is {costs[name]:,.6g}, the limit {most:,.6g}"
            for name, most in self.limits.items()
            if name in costs and name not in unknown and costs[name] > most
        ]
        return "; ".join(broken) or None

    def score(self, quality, cost, splits):
        """Quality, plus `tradeoff` for every halving of the cost.

        Used by tuners that learn from trials, and to choose one student of the
        front. The front itself does not depend on it.
        """
        reference = self.teacher_row(splits)[self.cost]
        return quality - self.tradeoff * math.log2(cost / reference)

    def teacher_row(self, splits):
        """The teacher's quality and costs, measured once."""
        if self.reference is None:
            self.reference = {
                **self.arithmetic(self.teacher),
                **self.before(self.teacher, splits, {}),
                **self.after(self.teacher, splits, {}),
            }
        return self.reference


def check_objective(quality, cost, limits):
    """Raise if one of these arguments of a search is invalid."""
    check_names("cost", [cost], COSTS)
    if quality is not None:
        check_names("quality", [quality], QUALITIES)
    check("limits", limits, DICT, optional=True)
    with naming("limits"):
        check_names("cost", limits or (), COSTS)
    for name, most in (limits or {}).items():
        check(f"limits.{name}", most, WEIGHT, optional=True)


def litert(model, splits, export, folder):
    """The LiteRT file of a model in the first format, in `folder`.

    What was trained in integers has a format of its own.
    """
    options = {k: v for k, v in export.items() if k != "targets"}
    formats = options.pop("formats", None)
    kind = trained_format(model) or (formats or ("float32",))[0]
    if not kind.startswith("int8"):
        options.pop("io", None)
    if trained_format(model):
        options.pop("sparse", None)
    return export_model(model, splits, folder, formats=(kind,), **options)[kind]
