"""How well a student follows its teacher where neither was shown to it."""

import keras
import numpy as np
import tensorflow as tf

from tfdcu.distill.teacher_outputs import teacher_function

# How often the loss on other images may be that in training before the student
# counts as having learned what it was shown by heart. The number is ours:
# training's loss, of labeled images too, is lower in any case. On CIFAR-10 it
# is 1.5 times with a view an epoch, and 1.9 with two views in eight epochs.
BY_HEART = 1.75
# Images asked about at once.
SIZE = 128


class ValidationMimic(keras.callbacks.Callback):
    """Log the mimic loss on images of the pool that are not trained on.

    It joins the logs of each epoch as `val_mimic`, so that it is in the
    history, and of the weights as they are at the end of the epoch; `mimic`
    is a mean over the epoch. For an `AlignedDistiller`.

    Args:
        images: A `tfdcu.data.Source` without labels; `None` logs nothing.
        teacher: A functional `keras.Model`.
        mirror: As in `tfdcu.teacher_targets`. Defaults to `False`.
    """

    def __init__(self, images, teacher, mirror=False):
        super().__init__()
        self.images, self.teacher, self.mirror = images, teacher, mirror
        self.targets = None

    def on_epoch_end(self, epoch, logs=None):
        if self.images is None:
            return
        if self.targets is None:
            self.targets = self.teachers_logits()
        losses, sizes = [], []
        for batch, targets in zip(self.batches(), self.targets, strict=True):
            logits = self.model.predict_on_batch(batch).astype("float32")
            losses.append(float(self.model.mimic_loss(targets, logits)))
            sizes.append(len(targets))
        logs["val_mimic"] = float(np.average(losses, weights=sizes))

    def teachers_logits(self):
        """A list of arrays (batch, classes)."""
        ask = tf.function(teacher_function(self.teacher), autograph=False)

        def answers(images):
            seen = ask(images).numpy()
            if not self.mirror:
                return seen
            return (seen + ask(images[:, :, ::-1]).numpy()) / 2

        return [answers(batch) for batch in self.batches()]

    def batches(self):
        """The images, in batches."""
        return self.images.batches(SIZE)


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
