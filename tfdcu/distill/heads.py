"""The loss terms of a student with one or several outputs.

Each output answers with classes, labels or values (`tfdcu/graph/ends.py`), for
each image or for each position. Its terms are means over images and positions;
those of several outputs are added.
"""

import keras
import tensorflow as tf

from tfdcu.distill.losses import check_labels
from tfdcu.distill.losses import label_term
from tfdcu.distill.losses import resolve_label
from tfdcu.distill.losses import resolve_mimic
from tfdcu.graph.ends import kinds_of
from tfdcu.graph.ends import output_names
from tfdcu.graph.heads import as_heads
from tfdcu.graph.heads import functional
from tfdcu.graph.heads import head_kinds
from tfdcu.training.labels import label_metrics


class Heads:
    """The outputs of a student and the loss terms of each.

    Args:
        student: A functional `keras.Model`.
        teacher: A `keras.Model`, a function or `None`.
        mimic: As in `AlignedDistiller`.
        temperature: As in `AlignedDistiller`.

    Attributes:
        student, teacher: The same, with logits instead of probabilities.
        names: List of the names of the outputs.
        kinds: List of what each answers: "classes", "labels" or "values".
    """

    def __init__(self, student, teacher, mimic, temperature):
        student = functional(student)
        check_one_input("student", student)
        self.teacher, kinds = teacher, []
        if isinstance(teacher, keras.Model):
            teacher = functional(teacher)
            check_one_input("teacher", teacher)
            check_same_answers(student, teacher)
            self.teacher, kinds = open_heads(teacher, mimic)
        # What one of them does not show, the other may.
        self.student, self.kinds = open_heads(student, mimic, kinds)
        self.names = output_names(self.student)
        if not isinstance(mimic, dict):
            mimic = dict.fromkeys(self.names, mimic)
        self.losses = [
            resolve_mimic(mimic.get(name, "kl"), temperature, kind)
            for name, kind in zip(self.names, self.kinds)
        ]

    def mimic(self, targets, logits):
        """The mimic term, given outputs in the structure of the student's."""
        pairs = zip(
            self.losses, keras.tree.flatten(targets), keras.tree.flatten(logits)
        )
        return sum(loss(target, mine) for loss, target, mine in pairs)

    def label_loss(self, loss=None):
        """The `loss` of `compile`: one, or one for each output.

        Args:
            loss: As in `AlignedDistiller.compile`.

        Returns:
            A `keras.losses.Loss`, or a dict of them for a student of several
            outputs.
        """
        if len(self.names) == 1:
            return resolve_label(loss, self.kinds[0])
        return {
            name: resolve_label(one, kind)
            for name, one, kind in self.by_name(loss)
        }

    def metrics(self, metrics=None):
        """The `metrics` of `compile`, with "accuracy" that fits each output."""
        if len(self.names) == 1:
            return label_metrics(metrics, self.kinds[0])
        return metrics and {
            name: label_metrics(keras.tree.flatten(some), kind)
            for name, some, kind in self.by_name(metrics)
            if some
        }

    def by_name(self, given):
        """(name, what is given for it, kind) of each output that has some.

        `None` gives each output `None`.
        """
        if given is None:
            given = dict.fromkeys(self.names)
        elif isinstance(given, (list, tuple)) and len(given) == len(self.names):
            given = dict(zip(self.names, given))
        if not isinstance(given, dict) or set(given) - set(self.names):
            raise ValueError(
                "A student of several outputs needs one entry for each. "
                f"Expected: a dict with keys among {self.names}. Received: "
                f"{given!r}"
            )
        kinds = dict(zip(self.names, self.kinds))
        return [(name, given[name], kinds[name]) for name in given]

    def label(self, loss, y, logits, weight=None):
        """The label term: of the outputs that have both loss and labels."""
        weights = self.weights_by_name(weight)
        terms = [
            label_term(one, *pair, weights[name])
            for name, one, *pair in self.labeled(loss, y, logits)
        ]
        return sum(terms, 0.0)

    def weights_by_name(self, weight):
        """Dict of the sample weights of each output, which may have its own."""
        if isinstance(weight, (list, tuple)):
            weight = dict(zip(self.names, weight))
        if not isinstance(weight, dict):
            return dict.fromkeys(self.names, weight)
        if set(weight) != set(self.names):
            raise ValueError(
                "The sample weights do not fit the outputs. Expected: one "
                f"weight per image, or a dict of them by {self.names}. "
                f"Received: weights of {sorted(weight)}"
            )
        return weight

    def check(self, loss, y, logits):
        """Raise for labels of another kind than the loss expects."""
        for _, one, *pair in self.labeled(loss, y, logits):
            check_labels(one, *pair)

    def labeled(self, loss, y, logits):
        """List of (name, loss, labels, logits) of each labeled output."""
        if y is None:
            return []
        if not isinstance(loss, dict):
            return [(self.names[0], loss, y, keras.tree.flatten(logits)[0])]
        if not isinstance(y, dict):
            y = dict(zip(self.names, keras.tree.flatten(y)))
        found = dict(zip(self.names, keras.tree.flatten(logits)))
        return [(n, loss[n], y[n], found[n]) for n in self.names if n in y]

    def choices(self, outputs):
        """What is chosen at each output, as one array for each.

        Args:
            outputs: In the structure of the student's.

        Returns:
            List of arrays: the index of the class, or whether a label holds;
            none for the outputs of a regression.
        """
        flat = [tf.convert_to_tensor(x) for x in keras.tree.flatten(outputs)]
        return [
            (z > 0 if kind == "labels" else tf.argmax(z, -1)).numpy()
            for z, kind in zip(flat, self.kinds)
            if kind != "values"
        ]


def check_same_answers(student, teacher):
    """Raise if student and teacher show that they answer different things."""
    both = [
        # A single sigmoid is one of two classes.
        [kind if output.shape[-1] != 1 else None for kind, output in pairs]
        for pairs in (zip(kinds_of(m), m.outputs) for m in (student, teacher))
    ]
    for name, mine, theirs in zip(output_names(student), *both):
        if mine and theirs and mine != theirs:
            raise ValueError(
                "Student and teacher answer different things. Expected: two "
                "models of classes (a softmax), of labels (a sigmoid for each) "
                f"or of values, or a linear student. Received: {mine} of the "
                f"student's output {name!r}, {theirs} of the teacher's"
            )


def open_heads(model, mimic, known=()):
    """A model with logits at each output, and what each answers.

    Args:
        model: A functional `keras.Model`.
        mimic: As in `AlignedDistiller`; in a dict, an output that shows nothing
            of itself and has another loss than "kl" is one of a regression.
        known: What the outputs of its teacher answer, if there is one.

    Returns:
        (functional `keras.Model`, list of kinds).

    Raises:
        ValueError: As in `as_heads`, or if `mimic` names no output.
    """
    names = output_names(model)
    losses = mimic if isinstance(mimic, dict) else {}
    unknown = sorted(set(losses) - set(names))
    if unknown:
        raise ValueError(
            "`mimic` names outputs that are not there. Expected: names among "
            f"{names}. Received: {unknown}"
        )
    hints = [
        None if losses.get(name, "kl") == "kl" else "values" for name in names
    ]
    if len(known) == len(names):
        hints = [hint or kind for hint, kind in zip(hints, known)]
        # A classifier's logits are what `as_logits` makes them; one number of
        # several outputs is a label where its teacher has two classes.
        one = [len(names) > 1 and x.shape[1:] == (1,) for x in model.outputs]
        hints = [
            kind if kind != "classes" else "labels" if single else None
            for kind, single in zip(hints, one)
        ]
    model = as_heads(model, hints if any(hints) else None)
    return model, head_kinds(model)


def check_one_input(role, model):
    """Raises if a model takes more than the images of a batch.

    Args:
        role: "student" or "teacher", for the message.
        model: A functional `keras.Model`.
    """
    if len(model.inputs) > 1:
        raise ValueError(
            f"The {role} has several inputs, which `prune_channels` takes and "
            "training does not. Expected: a model of one input. Received: "
            f"inputs of shapes {[tuple(one.shape) for one in model.inputs]}"
        )
