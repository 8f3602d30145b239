"""Recompute the statistics of BatchNormalization after training."""

import keras

from tfdcu.data import sample_of
from tfdcu.graph.resize import resized
from tfdcu.pruning import reestimate_statistics

# Largest batch.
SIZE = 64
# Maximum number of images.
LIMIT = 2048


class Reestimate(keras.callbacks.Callback):
    """Recompute BatchNormalization's statistics at the end of training.

    After training they are moving averages over augmented images of both sets
    (see `AlignedDistiller(batchnorm=...)`). This callback replaces them by the
    statistics of chosen images without augmentation, after Li et al. 2016
    (AdaBN, arXiv:1603.04779). No other weight changes.

    With very few labeled images, or if they lack many of the classes, the
    moving averages may be better: measure both.

    Args:
        splits: `tfdcu.data.Splits`.
        images: `None` for no change, `"labeled"` or `"pool"`. Defaults to
            `None`.

    Raises:
        ValueError: If `images` is unknown or these images are missing.
    """

    def __init__(self, splits, *, images=None):
        super().__init__()
        sources = {
            None: None,
            "labeled": splits.labeled,
            "pool": splits.unlabeled,
        }
        if images not in list(sources):
            raise ValueError(
                "Invalid value for `reestimate.images`. Expected: None, "
                f"'labeled' or 'pool'. Received: images={images!r}"
            )
        if images == "labeled" and splits.labeled is None:
            raise ValueError(
                "There are no labeled images for `reestimate.images`. "
                "Expected: `labeled` images, or None or 'pool'. Received: "
                "images='labeled', labeled=None"
            )
        self.source = sources[images]

    def on_epoch_end(self, epoch, logs=None):
        if self.source is None or epoch + 1 < self.params["epochs"]:
            return
        student = getattr(self.model, "student", self.model)
        reestimate_statistics(student, self.batches(student), limit=None)

    def batches(self, student):
        """The images at the student's size, in batches of nearly equal size."""
        num = min(LIMIT, self.source.num_images)
        # Batches count equally in the statistics, so none may be tiny.
        size = -(-num // -(-num // SIZE))
        source = self.source.without_labels()
        for images in sample_of(source, num).batches(size):
            yield resized(images, student.input_shape).numpy()
