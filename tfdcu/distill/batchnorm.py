"""How one student meets two pools: which images share BatchNorm statistics.

In training, BatchNormalization normalizes with the statistics of whatever
batch it is given, and remembers a running mean of them for inference.
Each function runs the tapped student on a batch whose first `num_labeled`
images are the labeled ones (None: there are no labeled ones), and returns its
outputs in the same order.
"""

import keras
import tensorflow as tf
from keras import layers

from tfdcu.graph.fused import Forward


def joint(tap, images, num_labeled):
    """One pass: both pools are normalized, and remembered, as one batch."""
    return Forward(tap)(images, training=True)


def split(tap, images, num_labeled):
    """A pass each: own statistics, both remembered, the pool's last."""
    forward = Forward(tap)
    if num_labeled is None:
        return forward(images, training=True)
    return concatenated(
        forward(images[:num_labeled], training=True),
        forward(images[num_labeled:], training=True),
    )


def labeled_only(tap, images, num_labeled):
    """A pass each: own statistics, only the labeled ones are remembered."""
    forward = Forward(tap)
    if num_labeled is None:
        return forward(images, training=True)
    memory = [
        variable.value
        for layer in tap._flatten_layers()
        if isinstance(layer, layers.BatchNormalization)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    before = [tf.identity(variable) for variable in memory]
    unlabeled = forward(images[num_labeled:], training=True)
    for variable, value in zip(memory, before):
        variable.assign(value)
    labeled = forward(images[:num_labeled], training=True)
    return concatenated(labeled, unlabeled)


def frozen(tap, images, num_labeled):
    """One pass as at inference: the teacher's statistics are kept, no dropout.

    A pruned student that was reconstructed has its teacher's statistics, those
    of the images that the teacher was trained on; a foreign pool would move
    them.
    """
    return Forward(tap)(images, training=False)


def concatenated(first, second):
    """Outputs of two passes as those of one."""
    return keras.tree.map_structure(
        lambda *parts: tf.concat(parts, axis=0), first, second
    )


BATCHNORMS = {
    "joint": joint,
    "split": split,
    "labeled_only": labeled_only,
    "frozen": frozen,
}
