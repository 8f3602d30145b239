"""BatchNormalization on two pools: which images share batch statistics.

Each function runs the student (a model with several outputs) on a batch whose
first `num_labeled` images are labeled (`None`: no labeled images) and returns
the outputs in the same order.
"""

import keras
import tensorflow as tf

from tfdcu.graph.fused import Forward
from tfdcu.training.moving_average import has_averages
from tfdcu.training.moving_average import norms_of


def joint(tap, images, num_labeled):
    """One pass: both pools share batch statistics and moving averages."""
    return Forward(tap)(images, training=True)


def split(tap, images, num_labeled):
    """One pass per pool; both update the moving averages, unlabeled last."""
    forward = Forward(tap)
    if num_labeled is None:
        return forward(images, training=True)
    return concatenated(
        forward(images[:num_labeled], training=True),
        forward(images[num_labeled:], training=True),
    )


def labeled_only(tap, images, num_labeled):
    """One pass per pool; only the labeled one updates the moving averages."""
    forward = Forward(tap)
    if num_labeled is None:
        return forward(images, training=True)
    statistics = [
        variable.value
        for layer in norms_of(tap)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    before = [tf.identity(variable) for variable in statistics]
    unlabeled = forward(images[num_labeled:], training=True)
    for variable, value in zip(statistics, before):
        variable.assign(value)
    labeled = forward(images[:num_labeled], training=True)
    return concatenated(labeled, unlabeled)


def frozen(tap, images, num_labeled):
    """One pass in inference mode: moving averages are kept, no dropout.

    A reconstructed student has its teacher's moving averages, those of the
    images the teacher was trained on. A pool from elsewhere would shift them.
    """
    return Forward(tap)(images, training=False)


def concatenated(first, second):
    """Concatenate the outputs of two passes along the batch axis."""
    return keras.tree.map_structure(
        lambda *parts: tf.concat(parts, axis=0), first, second
    )


def default_batchnorm(student):
    """`"frozen"` for a pruned or trained student, `"joint"` for a new one.

    The moving averages of a teacher fit the task; joint training would
    replace them by statistics of the pool. Those of a new layer, 0 and 1,
    have to be learned.

    Args:
        student: A `keras.Model`.

    Returns:
        A key of `BATCHNORMS`.
    """
    trained = any(has_averages(norm) for norm in norms_of(student))
    return "frozen" if trained else "joint"


BATCHNORMS = {
    "joint": joint,
    "split": split,
    "labeled_only": labeled_only,
    "frozen": frozen,
}
