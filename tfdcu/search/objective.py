"""What a student costs and how good it is: the same for every student."""

import math
import tempfile

from tfdcu.evaluate import agreement
from tfdcu.evaluate import predict_classes
from tfdcu.export import file_sizes
from tfdcu.export import latency
from tfdcu.graph.profile import profile
from tfdcu.search.space import check_names
from tfdcu.stages.export import export_model

COSTS = ("macs", "params", "bytes", "latency_ms")
# The costs that only a LiteRT file has.
OF_FILES = ("bytes", "latency_ms")
QUALITIES = ("accuracy", "agreement")


class Objective:
    """Measures quality and costs, refuses, and weighs one against the other.

    Args:
        teacher: A `keras.Model` with logits.
        quality: `"accuracy"` on validation images or `"agreement"` with the
            teacher on held-out images of the pool.
        cost: One of `COSTS`.
        limits: Dict from cost to the most that a student may have; those that
            are `None` do not count.
        tradeoff: Float, at least 0: the quality that halving the cost is worth.
        files: Whether files are judged even where no cost asks for one.

    Raises:
        ValueError: If a name is unknown or `tradeoff` negative.

    Attributes:
        files: Whether LiteRT files are judged instead of Keras models.
    """

    def __init__(self, teacher, quality, cost, limits, tradeoff, files=False):
        self.limits = {k: v for k, v in (limits or {}).items() if v is not None}
        check_names("cost", [cost, *self.limits], COSTS)
        check_names("quality", [quality], QUALITIES)
        if not tradeoff >= 0:
            raise ValueError(
                "Less cost cannot be worth less quality. Expected: tradeoff >= "
                f"0. Received: tradeoff={tradeoff!r}"
            )
        self.teacher, self.quality = teacher, quality
        self.cost, self.tradeoff = cost, tradeoff
        asked = {cost, *self.limits}
        self.timed = "latency_ms" in asked
        self.files = files or any(name in asked for name in OF_FILES)
        self.right = {}
        self.reference = None

    def quality_of(self, model, splits):
        """Accuracy, or agreement with the teacher, in [0, 1].

        Args:
            model: A `keras.Model` or the path of any model.
            splits: `tfdcu.data.Splits` with images held out.
        """
        accuracy = self.quality == "accuracy"
        images = splits.validation if accuracy else splits.pool_validation
        if id(images) not in self.right:
            # The images are kept too: an id is only good while they live.
            right = (
                images.labels()
                if accuracy
                else predict_classes(self.teacher, images)[0]
            )
            self.right[id(images)] = images, right
        _, right = self.right[id(images)]
        return agreement(predict_classes(model, images)[0], right)

    def before(self, model, splits, export):
        """What a student costs, as far as it is known before it is trained.

        Args:
            model: A `keras.Model`.
            splits: `tfdcu.data.Splits`.
            export: Keywords of `export_all`; the first of `formats` counts.

        Returns:
            Dict from cost to number.
        """
        found = self.arithmetic(model)
        if not self.files:
            return found
        # Its weights are about to change: only its shape counts.
        lenient = {"min_agreement": 0.0}
        with tempfile.TemporaryDirectory() as folder:
            file = litert(model, splits, {**export, **lenient}, folder)
            found["bytes"] = file_sizes(file)["bytes"]
            if self.timed:
                found["latency_ms"] = latency({"model": file})["model"]
        return found

    def after(self, model, splits, export):
        """Quality and costs of a trained student; its latency is known.

        Args:
            model, splits, export: As in `before`.

        Returns:
            Dict with `quality` and costs.
        """
        found = self.arithmetic(model)
        if not self.files:
            return {"quality": self.quality_of(model, splits), **found}
        with tempfile.TemporaryDirectory() as folder:
            file = litert(model, splits, export, folder)
            quality = self.quality_of(file, splits)
            found["bytes"] = file_sizes(file)["bytes"]
        return {"quality": quality, **found}

    def arithmetic(self, model):
        """Parameters and multiply-accumulates."""
        cost = profile(model)
        return {name: cost[name] for name in ("params", "macs")}

    def refusal(self, costs, unknown=()):
        """Why a student of these costs is refused, or `None`.

        Args:
            costs: Dict from cost to number.
            unknown: Costs that training will change.
        """
        broken = [
            f"{name} is {costs[name]:,.6g}, the limit {most:,.6g}"
            for name, most in self.limits.items()
            if name in costs and name not in unknown and costs[name] > most
        ]
        return "; ".join(broken) or None

    def score(self, quality, cost, splits):
        """Quality, and `tradeoff` more for every halving of the cost.

        Only the tuners that learn from trials look at it, and the choice of
        one student on the front; the front itself needs no exchange rate. The
        formula is ours.
        """
        reference = self.teacher_row(splits)[self.cost]
        return quality - self.tradeoff * math.log2(cost / reference)

    def teacher_row(self, splits):
        """The teacher's quality and costs, as float32 file, measured once."""
        if self.reference is None:
            costs = self.before(self.teacher, splits, {})
            self.reference = costs | self.after(self.teacher, splits, {})
        return self.reference


def litert(model, splits, export, folder):
    """The checked LiteRT file of a model that counts, in `folder`."""
    options = {k: v for k, v in export.items() if k != "targets"}
    formats = options.pop("formats", None)
    kind = (formats or ("float32",))[0]
    if kind != "int8":
        options.pop("io", None)
    return export_model(model, splits, folder, formats=(kind,), **options)[kind]
