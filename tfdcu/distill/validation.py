"""How well a student follows its teacher, before, during and after training."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from tfdcu.data import sample_of
from tfdcu.distill.teacher_outputs import teacher_function
from tfdcu.distill.two_pools import all_images
from tfdcu.distill.two_pools import split_pools

# How often the loss on other images may be that in training before the student
# counts as having learned what it was shown by heart. The number is ours:
# training's loss, of labeled images too, is lower in any case. On CIFAR-10 it
# is 1.5 times with a view an epoch, and 1.9 with two views in eight epochs.
BY_HEART = 1.75
# Images asked about at once.
SIZE = 128
# Images of one kind that the student is validated on, at most.
MOST = 512
# What `fit` itself looks at, and by how much agreement may fall unnoticed.
_NUM_WATCHED = 256
_UNNOTICED = 0.02


class Validation(keras.callbacks.Callback):
    """Log how well the student follows its teacher, as it is at inference.

    After each epoch it logs the mimic loss on held-out images of the pool as
    `val_mimic`, and as `agreement_<name>` how often the student chooses the
    teacher's class on each kind of images. They join the history; `mimic`
    there is a mean over the epoch, these are of its last weights. For an
    `AlignedDistiller`.

    Args:
        sources: Dict from names of images to `tfdcu.data.Source`, labels of
            which are not used; `pool` are those held out of the pool.
        teacher: A functional `keras.Model`.
        mirror: As in `tfdcu.teacher_targets`. Defaults to `False`.
    """

    def __init__(self, sources, teacher, mirror=False):
        super().__init__()
        self.sources = {
            name: source.without_labels() for name, source in sources.items()
        }
        self.teacher, self.mirror = teacher, mirror
        self.targets = None

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self.measure(self.model))

    def measure(self, model):
        """Dict of what is logged, of an `AlignedDistiller` as it stands."""
        if self.targets is None:
            self.targets = self.teachers_logits()
        found = {}
        for name, source in self.sources.items():
            logits = np.concatenate(
                [
                    model.predict_on_batch(batch).astype("float32")
                    for batch in source.batches(SIZE)
                ]
            )  # (images, classes)
            targets = self.targets[name]
            if name == "pool":
                loss = model.mimic_loss(targets, logits)
                found["val_mimic"] = float(np.mean(loss))
            same = logits.argmax(axis=-1) == targets.argmax(axis=-1)
            found[f"agreement_{name}"] = float(np.mean(same))
        return found

    def teachers_logits(self):
        """Dict from names of images to an array (images, classes)."""
        ask = tf.function(
            teacher_function(self.teacher),
            autograph=False,
            reduce_retracing=True,
        )

        def logits(images):
            if not self.mirror:
                return ask(images).numpy()
            return (ask(images).numpy() + ask(images[:, :, ::-1]).numpy()) / 2

        return {
            name: np.concatenate([logits(b) for b in source.batches(SIZE)])
            for name, source in self.sources.items()
        }


class AgreementWarning(keras.callbacks.Callback):
    """Warn at the end of `fit` where the student has come to agree less.

    Some of the first batches are asked about as at inference, before and
    after training: a student whose loss falls may be worse where it is used,
    for its BatchNormalization then has other statistics.

    Args:
        batches: What `AlignedDistiller.fit` is given, a dataset.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches
        self.watched = []

    def on_train_begin(self, logs=None):
        student = tf.function(
            lambda images: tf.argmax(self.model(images, training=False), -1),
            autograph=False,
            reduce_retracing=True,
        )
        teacher = tf.function(
            lambda images, targets: tf.argmax(
                self.model.teacher_outputs(images, targets)[0], axis=-1
            ),
            autograph=False,
            reduce_retracing=True,
        )
        self.choices, seen = student, 0
        for batch in self.batches:
            labeled, pool, targets = split_pools(batch)
            images = all_images(labeled, pool)
            self.watched.append((images, teacher(images, targets)))
            seen += len(images)
            if seen >= _NUM_WATCHED:
                break
        self.start = self.measure()

    def measure(self):
        """The share of the watched images in the teacher's class."""
        same = [self.choices(x) == choices for x, choices in self.watched]
        return float(np.mean(np.concatenate(same))) if same else 0.0

    def on_train_end(self, logs=None):
        end = self.measure()
        if end < self.start - _UNNOTICED:
            warnings.warn(
                "Training made the student worse. Expected: that it agrees "
                "with its teacher at least as often as before, on the same "
                f"images, as at inference. Received: {self.start:.1%} before "
                f"and {end:.1%} after; a lower learning rate usually helps, or "
                "batchnorm='frozen' for a pruned student.",
                stacklevel=2,
            )


# What kinds of images there are to measure on: those that nothing is trained
# on, and the others.
_HELD_OUT = {
    "pool": "held-out images of the pool",
    "validation": "validation images",
}
_TRAINED_ON = {
    "labeled": "labeled images",
    "training": "training images of the pool",
}


def validation_sources(splits):
    """The images that show whether training helps; none of the test.

    Args:
        splits: `tfdcu.data.Splits`.

    Returns:
        Dict for `Validation`: `pool`, those held out of the pool; `validation`
        or else the `labeled` ones; without any of these `training`, images of
        the pool that are trained on.
    """
    kinds = {"pool": splits.pool_validation, "validation": splits.validation}
    if splits.validation is None:
        kinds["labeled"] = splits.labeled
    if not any(kinds.values()) and splits.unlabeled.fixed_order:
        kinds["training"] = splits.unlabeled
    return {
        name: source if name == "pool" else sample_of(source, MOST)
        for name, source in kinds.items()
        if source is not None
    }


def improvement(start, end):
    """How much more often a student chooses its teacher's classes.

    The mean over the kinds of images that are held out, less what is lost on
    others: what is won on images that are trained on tells little.

    Args:
        start, end: What `Validation.measure` gave before and after training.

    Returns:
        Float in [-2, 1]; 0 where nothing was measured.
    """
    change = {
        name.removeprefix("agreement_"): end[name] - start[name]
        for name in start
        if name.startswith("agreement_")
    }
    held_out = [change[name] for name in _HELD_OUT if name in change]
    others = [change[name] for name in _TRAINED_ON if name in change]
    if not held_out:
        return sum(others)
    return float(np.mean(held_out)) + sum(min(0.0, one) for one in others)


def training_harmed(start, end):
    """What to say where a student follows its teacher less after training.

    Args:
        start, end: As in `improvement`.

    Returns:
        List of one sentence, or none.
    """
    if improvement(start, end) >= 0:
        return []
    moved = " and ".join(
        f"from {start[key]:.1%} to {end[key]:.1%} on {words}"
        for name, words in (_HELD_OUT | _TRAINED_ON).items()
        if (key := f"agreement_{name}") in start
    )
    return [
        "Training made the student worse, so it is handed over as it was "
        f"before training: its agreement with the teacher went {moved}. Try a "
        "lower `training.learning_rate`, or more epochs."
    ]


def overfit_warning(history):
    """A sentence where a student knows what it was shown better than others.

    Args:
        history: Dict from metric to its values, an epoch each.

    Returns:
        List of one sentence, or none.
    """
    if "val_mimic" not in history:
        return []
    shown, other = history["mimic"][-1], history["val_mimic"][-1]
    if not other > BY_HEART * shown:
        return []
    return [
        "The student has learned what it was shown by heart: its mimic loss "
        f"is {shown:.3g} there and {other:.3g} on images of the pool that "
        "were held out. Store more views of each image (`targets.views`, best "
        "one an epoch, or 0 for fresh ones), augment more, or add images."
    ]
