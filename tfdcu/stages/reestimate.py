"""BatchNorm's statistics at the end of a run: those of which images."""

import keras

from tfdcu.data import sample_of
from tfdcu.models.resize import resized
from tfdcu.pruning import reestimate_statistics

# Images that are normalized together, at most.
SIZE = 64
# Images that the statistics are computed of, at most.
LIMIT = 2048


class Reestimate(keras.callbacks.Callback):
    """At the end of training give BatchNorm the statistics of chosen images.

    Those that training leaves are moving averages over both pools (or over
    what `AlignedDistiller(batchnorm=...)` lets in) and over augmented images.
    A phone sees images like the labeled ones, as they are. The statistics are
    computed anew on some of them, after Li et al. 2016 (AdaBN,
    arXiv:1603.04779); no other weight changes.

    With very few labeled images, or far fewer classes in them than in the
    task, the moving averages are the better guess: measure.

    Args:
        splits: `tfdcu.data.Splits`.
        images: `None` for no change, `"labeled"` or `"pool"`. Defaults to
            `None`.

    Raises:
        ValueError: If the images are unknown or not there.
    """

    def __init__(self, splits, *, images=None):
        super().__init__()
        sources = {
            None: None,
            "labeled": splits.labeled,
            "pool": splits.unlabeled,
        }
        if images not in sources:
            raise ValueError(
                "BatchNorm's statistics cannot be of these images. Expected: "
                "reestimate.images None, 'labeled' or 'pool'. "
                f"Received: images={images!r}"
            )
        if images == "labeled" and splits.labeled is None:
            raise ValueError(
                "BatchNorm's statistics cannot be those of the labeled "
                "images. Expected: `labeled` images, or reestimate.images "
                "None or 'pool'. Received: images='labeled', labeled=None"
            )
        self.source = sources[images]

    def on_epoch_end(self, epoch, logs=None):
        if self.source is None or epoch + 1 < self.params["epochs"]:
            return
        student = getattr(self.model, "student", self.model)
        reestimate_statistics(student, self.batches(student), limit=None)

    def batches(self, student):
        """The images at the student's size, in batches of nearly one size."""
        num = min(LIMIT, self.source.num_images)
        # Batches weigh alike in the statistics, so none may be a mere rest.
        size = -(-num // -(-num // SIZE))
        source = self.source.without_labels()
        for images in sample_of(source, num).batches(size):
            yield resized(images, student.input_shape).numpy()
