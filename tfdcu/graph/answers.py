"""What each output of a model answers, and which labels are right for it."""

import dataclasses

import numpy as np

from tfdcu.graph.choices import choices
from tfdcu.graph.choices import mean_average_precision
from tfdcu.graph.choices import mean_iou
from tfdcu.graph.columns import pack
from tfdcu.graph.columns import unpack
from tfdcu.graph.ends import output_names
from tfdcu.graph.heads import head_kinds


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one output answers.

    Attributes:
        kind: "classes" or "labels", see `tfdcu/graph/ends.py`.
        shape: Shape of the output for one image, (..., classes).
        threshold: Float, above which a label holds: 0 of logits, 0.5 of
            probabilities. Defaults to 0.
    """

    kind: str
    shape: tuple
    threshold: float = 0.0

    @property
    def several_labels(self):
        """Whether an image, or a position, has several labels of its own.

        A map of one channel is one of two classes.
        """
        *places, num = self.shape
        return self.kind == "labels" and not (places and num == 1)

    @property
    def label_shape(self):
        """Shape of the labels of one image."""
        shape = self.shape if self.several_labels else self.shape[:-1]
        return tuple(shape)

    @property
    def num_classes(self):
        """How many classes there are: two where maps have one channel."""
        *places, num = self.shape
        return 2 if places and num == 1 else num

    @property
    def num_values(self):
        """Labels are whole numbers below this."""
        return 2 if self.several_labels else self.num_classes


@dataclasses.dataclass(frozen=True)
class Answers:
    """What all outputs of a model answer.

    Choices and labels of a single output are arrays (n, *label_shape); of
    several they stand side by side, (n, columns), see `tfdcu/graph/columns.py`.

    Attributes:
        by_name: Dict from the name of an output to its `Answer`.
    """

    by_name: dict

    @property
    def only(self):
        """The `Answer` of a single output; `None` if there are several."""
        return next(iter(self.by_name.values())) if not self.several else None

    @property
    def several(self):
        """Whether there are several outputs."""
        return len(self.by_name) > 1

    @property
    def label_shape(self):
        """As in `tfdcu.data.open_source`: of several outputs a dict by name."""
        shapes = {n: one.label_shape for n, one in self.by_name.items()}
        return shapes if self.several else self.only.label_shape

    def pack(self, given):
        """Labels of several outputs, a dict by name, side by side."""
        return pack(given, self.label_shape) if self.several else given

    def unpack(self, rows):
        """Dict by name from labels or choices."""
        if self.several:
            return unpack(rows, self.label_shape)
        return dict.fromkeys(self.by_name, rows)

    def given_to_keras(self, make):
        """What `compile` takes: one thing, or a dict by name of the output.

        Args:
            make: Function from an `Answer`.
        """
        made = {name: make(one) for name, one in self.by_name.items()}
        return made if self.several else made.popitem()[1]

    def choices(self, outputs):
        """What outputs choose.

        Args:
            outputs: Dict by name of arrays (n, ..., classes).

        Returns:
            Int array, as the class docstring says.
        """
        chosen = {
            name: choices(outputs[name], one.kind, one.threshold)
            for name, one in self.by_name.items()
        }
        if self.several:
            return pack(chosen, self.label_shape)
        (chosen,) = chosen.values()
        return chosen

    def agreement(self, first, second):
        """Share of equal choices or labels, the mean over the outputs.

        Args:
            first, second: As of `choices`; `second` may be `None`.

        Returns:
            Float in [0, 1]; `None` if `second` is.
        """
        each = self.agreement_by_name(first, second)
        return None if second is None else float(np.mean([*each.values()]))

    def agreement_by_name(self, first, second):
        """Dict by name of the shares of equal choices or labels.

        They are `None` if `second` is.
        """
        if second is None:
            return dict.fromkeys(self.by_name)
        pairs = self.unpack(first), self.unpack(second)
        return {
            name: float(np.mean(pairs[0][name] == pairs[1][name]))
            for name in self.by_name
        }

    def measures(self, labels, chosen, outputs):
        """What is measured of a single output beside its accuracy.

        Args:
            labels, chosen: As of `choices`; labels may be `None`.
            outputs: Float array (n, labels) of several labels an image.

        Returns:
            Dict of floats.
        """
        if labels is None or self.several:
            return {}
        if self.only.several_labels and len(self.only.shape) == 1:
            found = mean_average_precision(labels, outputs)
            return {"mean_average_precision": found}
        if chosen.ndim > 1:
            return {"mean_iou": mean_iou(labels, chosen)}
        return {}


def answers_of(model):
    """The `Answers` of a model with logits.

    Args:
        model: A functional `keras.Model`.

    Raises:
        ValueError: If an output is one of a regression.
    """
    names, kinds = output_names(model), head_kinds(model)
    if "values" in kinds or None in kinds:
        raise ValueError(
            "The model gives numbers of a regression. Expected: classes or "
            "labels, for each image or each position. Received: "
            f"{model.name!r}, of whose outputs {names} are {kinds}"
        )
    shapes = [tuple(output.shape[1:]) for output in model.outputs]
    return Answers({n: Answer(*rest) for n, *rest in zip(names, kinds, shapes)})
