"""Find out whether a teacher was trained on other pixels than it is given."""

import numpy as np

from tfdcu.data import images_of
from tfdcu.data import sample_of
from tfdcu.graph.inference import compiled
from tfdcu.models.preprocess import affine_of
from tfdcu.report.units import percent

# Images that are tried in each way.
NUM_IMAGES = 100
# Another way is better if it is right on more images by this many standard
# deviations of the difference: by nine images or more.
DEVIATIONS = 3.0

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
MODES = ("caffe", "torch")


def better_input(teacher, labeled, preprocess=None, seed=0):
    """A sentence if the teacher is more often right on pixels of another kind.

    A network trained on [-1, 1] answers images in [0, 1] too, only worse. So
    some labeled images are shown to it in each of the common ways.

    Args:
        teacher: A functional `keras.Model`, with `preprocess` in it.
        labeled: A labeled `tfdcu.data.Source`, or `None`.
        preprocess: See `tfdcu.models.with_preprocessing`. Defaults to `None`.
        seed: Int, for drawing the images. Defaults to 0.

    Returns:
        A sentence with the setting to write instead, or `None`, as for other
        inputs than images.
    """
    if labeled is None or labeled.value_range is None:
        return None
    sample = sample_of(labeled, NUM_IMAGES, seed=seed)
    labels = sample.labels()
    if labels.ndim > 1:
        return None
    images = images_of(sample)
    low, high = labeled.value_range
    plain = (images - low) / (high - low)  # in [0, 1]
    channels = images.shape[-1]
    function = compiled(teacher)

    def right_answers(pixels):
        logits = np.asarray(function(pixels.astype("float32")))
        return logits.argmax(-1) == labels

    own = right_answers(images)
    if (~own).sum() < DEVIATIONS**2:
        return None
    best, most = None, own
    for setting, way in ways(channels).items():
        found = right_answers(undo(transform(plain, way), preprocess, channels))
        if found.sum() > most.sum():
            best, most = setting, found
    if best is None or not clearly_more(own, most):
        return None
    without = " and without `preprocess`"
    if preprocess is None or best.startswith("preprocess"):
        without = ""
    return (
        f"The teacher is right on {percent(own.mean(), 0)} of {len(own):,} "
        f"labeled images, but on {percent(most.mean(), 0)} with {best}"
        f"{without}: set it if the teacher was trained on such images."
    )


def ways(channels):
    """Dict from what the user writes to (scale, offset, swapped)."""
    found = {
        f"data.value_range=({low:g}, {high:g})": (high - low, low, False)
        for low, high in RANGES
    }
    if channels == 3:
        found |= {f"preprocess='{m}'": affine_of(m, channels) for m in MODES}
    return found


def transform(images, way):
    """Images in [0, 1] in one of the `ways`."""
    scale, offset, swapped = way
    pixels = scale * images + offset
    return pixels[..., ::-1] if swapped else pixels


def undo(pixels, preprocess, channels):
    """The images that `preprocess`, a part of the teacher, makes `pixels`."""
    if preprocess is None:
        return pixels
    scale, offset, swapped = affine_of(preprocess, channels)
    pixels = pixels[..., ::-1] if swapped else pixels
    return (pixels - offset) / scale


def clearly_more(own, other):
    """Whether more answers of the second are right, beyond chance.

    Args:
        own, other: Bool arrays (n,), right answers to the same images.
    """
    gained, lost = (other & ~own).sum(), (own & ~other).sum()
    return bool(gained - lost >= max(1, DEVIATIONS * (gained + lost) ** 0.5))
