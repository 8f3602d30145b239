"""Agreement of student and teacher before, during and after training."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from tfdcu.data import sample_of
from tfdcu.distill.two_pools import all_images
from tfdcu.distill.two_pools import split_pools
from tfdcu.graph.choices import most_images
from tfdcu.graph.heads import as_heads
from tfdcu.graph.inference import compiled
from tfdcu.graph.resize import resized
from tfdcu.workdir.percent import percent

# Ratio of `val_mimic` to `mimic` above which the student counts as overfitting.
# The training loss is lower in any case, as it includes labeled images: on
# CIFAR-10 the ratio is 1.5 with one view per epoch, and 1.9 with two views in
# eight epochs.
OVERFIT_RATIO = 1.75
# A loss that is higher than its lowest by this factor has risen.
RISEN = 1.02
# Maximum number of validation images of each kind.
MAX_IMAGES = 512
# Number of images that `fit` checks, and the tolerated loss of agreement.
_NUM_CHECKED = 256
_TOLERANCE = 0.02


class Validation(keras.callbacks.Callback):
    """Log how well the student mimics its teacher in inference mode.

    After each epoch of an `AlignedDistiller`, logs the mimic loss on held-out
    images of the pool as `val_mimic`, that on validation images as
    `mimic_validation` and, for each source, the share of images on which
    student and teacher predict the same class as `agreement_<name>`. Unlike
    `mimic`, a mean over the epoch, these are computed with the weights at its
    end.

    Args:
        sources: Dict from names to `tfdcu.data.Source`; labels are not used.
            `pool` contains held-out images of the pool.
        teacher: A functional `keras.Model`.
        mirror: As in `tfdcu.teacher_targets`. Defaults to `False`.
    """

    def __init__(self, sources, teacher, mirror=False):
        super().__init__()
        shapes = [output.shape[1:] for output in teacher.outputs]
        self.sources = {
            name: sample_of(
                source.without_labels(), most_images(shapes, source.num_images)
            )
            for name, source in sources.items()
        }
        self.teacher, self.mirror = teacher, mirror
        self.targets = self.student = None

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self.measure(self.model))

    def measure(self, model):
        """Dict of the logged values for an `AlignedDistiller`."""
        if self.targets is None:
            self.targets = self.teacher_logits()
            self.student = compiled(model.student)
        shape, logs = model.student.input_shape[1:], {}
        for name, source in self.sources.items():
            batches = batches_of(source, shape)
            logits = joined([self.student(batch) for batch in batches])
            targets = self.targets[name]
            if name in _LOSSES:
                loss = model.heads.mimic(targets, logits)
                logs[_LOSSES[name]] = float(np.mean(loss))
            pairs = zip(*map(model.heads.choices, (logits, targets)))
            same = [np.mean(mine == theirs) for mine, theirs in pairs]
            logs[f"agreement_{name}"] = float(np.mean(same))
        return logs

    def teacher_logits(self):
        """Dict from names of sources to logits, see `joined`."""
        shape = self.teacher.input_shape[1:]
        compute = compiled(as_heads(self.teacher))

        def logits(images):
            if not self.mirror:
                return compute(images)
            return (compute(images) + compute(images[:, :, ::-1])) / 2

        return {
            name: joined([logits(b) for b in batches_of(source, shape)])
            for name, source in self.sources.items()
        }


def batches_of(source, shape):
    """The images of a source at a size, in batches."""
    sized = source.sized(shape)
    return sized.batches(sized.at_once())


def joined(batches):
    """Outputs of all batches, float32 (images, ..., classes) for each output.

    Args:
        batches: List of outputs in one structure.
    """
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(
            [np.asarray(part, "float32") for part in parts]
        ),
        *batches,
    )


class AgreementWarning(keras.callbacks.Callback):
    """Warn at the end of `fit` if the student agrees less with its teacher.

    Agreement is measured in inference mode on the first images of the dataset,
    with the weights from before and after training. It can fall although the
    training loss decreases, because BatchNormalization uses different
    statistics in inference mode.

    Args:
        batches: The dataset passed to `AlignedDistiller.fit`. It is read after
            training: a dataset may have another order in each iteration.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_begin(self, logs=None):
        self.start = self.model.student.get_weights()

    def on_train_end(self, logs=None):
        student = self.model.student
        checked, end = self.checked_images(), student.get_weights()
        after = self.agreement(checked)
        student.set_weights(self.start)
        before = self.agreement(checked)
        student.set_weights(end)
        if after < before - _TOLERANCE:
            warnings.warn(
                "Training made the student worse. Expected: agreement with the "
                "teacher at least as high as before training, on the same "
                "images in inference mode. Received: "
                f"{percent(before, 1)} before and {percent(after, 1)} after; a "
                "lower learning rate usually helps.",
                stacklevel=2,
            )

    def checked_images(self):
        """List of (images, the teacher's answers) of the first batches."""
        teacher = tf.function(
            self.model.teacher_outputs, autograph=False, reduce_retracing=True
        )
        checked, count = [], 0
        for batch in self.batches:
            labeled, pool, targets = split_pools(batch)
            images = all_images(labeled, pool)
            logits, _ = teacher(images, targets)
            checked.append((images, self.model.heads.choices(logits)))
            count += len(keras.tree.flatten(images)[0])
            if count >= _NUM_CHECKED:
                break
        return checked

    def agreement(self, checked):
        """Share of the images on which student and teacher agree."""
        student = self.model.student
        run = compiled(student)
        same = [
            np.ravel(mine == theirs)
            for images, choices in checked
            for mine, theirs in zip(
                self.model.heads.choices(
                    run(resized(images, student.input_shape))
                ),
                choices,
            )
        ]
        return float(np.mean(np.concatenate(same))) if same else 0.0


# Name of the mimic loss on each kind of held-out images.
_LOSSES = {"pool": "val_mimic", "validation": "mimic_validation"}
# Kinds of images to measure on: not used in training, and used in training.
_HELD_OUT = {
    "pool": "held-out images of the pool",
    "validation": "validation images",
}
_TRAINED_ON = {
    "labeled": "labeled images",
    "training": "training images of the pool",
}


def validation_sources(splits):
    """The sources for `Validation`; never test images.

    Args:
        splits: `tfdcu.data.Splits`.

    Returns:
        Dict of sources: `pool`, held-out images of the pool, and `validation`
        or, without validation images, `labeled`; if there are none of these,
        `training`, images of the pool used in training.
    """
    kinds = {"pool": splits.pool_validation, "validation": splits.validation}
    if splits.validation is None:
        kinds["labeled"] = splits.labeled
    if not any(kinds.values()) and splits.unlabeled.fixed_order:
        kinds["training"] = splits.unlabeled
    return {
        name: source if name == "pool" else sample_of(source, MAX_IMAGES)
        for name, source in kinds.items()
        if source is not None
    }


def improvement(start, end):
    """Change of the agreement between student and teacher by training.

    The mean change over the held-out kinds of images, plus the losses, but
    not the gains, on images used in training.

    Args:
        start, end: Results of `Validation.measure` before and after training.

    Returns:
        Float in [-2, 1]; 0 if nothing was measured.
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
    return float(np.mean(held_out)) + sum(min(0.0, c) for c in others)


def training_harmed(start, end):
    """A warning if the student agrees less with its teacher after training.

    Args:
        start, end: As in `improvement`.

    Returns:
        List of at most one sentence.
    """
    if improvement(start, end) >= 0:
        return []
    moved = " and ".join(
        f"from {percent(start[key], 1)} to {percent(end[key], 1)} on {words}"
        for name, words in (_HELD_OUT | _TRAINED_ON).items()
        if (key := f"agreement_{name}") in start
    )
    return [_handed_over(f"agreement with the teacher went {moved}")]


def mimic_harmed(start, end):
    """A warning if the student's mimic loss is higher after training.

    For a training that changes few predictions: agreement on some hundred
    images then moves by chance, while the loss shows what every image gained.

    Args:
        start, end: As in `improvement`.

    Returns:
        List of at most one sentence. Without held-out images, that of
        `training_harmed`.
    """
    losses = {name: key for name, key in _LOSSES.items() if key in start}
    if not losses:
        return training_harmed(start, end)
    ratios = [end[key] / max(start[key], 1e-12) for key in losses.values()]
    if np.mean(ratios) <= 1:
        return []
    moved = " and ".join(
        f"from {start[key]:.3g} to {end[key]:.3g} on {_HELD_OUT[name]}"
        for name, key in losses.items()
    )
    return [_handed_over(f"mimic loss went {moved}")]


def _handed_over(what):
    return (
        "Training made the student worse, so it is handed over as it was "
        f"before training: its {what}. Try a lower "
        'training={"learning_rate": ...}, or more images.'
    )


def overfit_warning(history, views=0):
    """A warning if the student overfits the images it was trained on.

    Args:
        history: Dict from metrics to lists with one value per epoch.
        views: Int, the stored views of each image; 0 if each step makes a new
            one. Defaults to 0.

    Returns:
        List of at most one sentence.
    """
    if "val_mimic" not in history:
        return []
    training, held_out = history["mimic"][-1], history["val_mimic"][-1]
    if not held_out > OVERFIT_RATIO * training:
        return []
    what, way = "pool", "Augment more (`batches.augment`)"
    if views:
        what = "stored views"
        way = (
            "Store more views of each image (`targets.views`, ideally one per "
            "epoch, or 0 for new ones), augment more"
        )
    best = int(np.argmin(history["val_mimic"]))
    if held_out > RISEN * history["val_mimic"][best]:
        epochs = f"It was lowest after epoch {best + 1}: train for fewer."
    else:
        epochs = "It has not risen, so that more epochs do no harm."
    return [
        f"The student overfits the {what}: its mimic loss is {training:.3g} in "
        f"training and {held_out:.3g} on held-out images of the pool. {epochs} "
        f"{way} or add images."
    ]
