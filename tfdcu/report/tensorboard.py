"""Sample images for TensorBoard, beside the losses of each epoch."""

from pathlib import Path

import tensorflow as tf

NUM_IMAGES = 16


def log_images(folder, images, value_range):
    """Write images of each kind into a log folder, unless it has some.

    Args:
        folder: Path, created if missing; `tensorboard --logdir` reads it.
        images: Dict from a title to images (n, height, width, channels), with
            1 or 3 channels; the first 16 are shown.
        value_range: (low, high) of the pixels.
    """
    if any(Path(folder).glob("*tfevents*")):
        return
    low, high = value_range
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        for title, batch in images.items():
            shown = (batch[:NUM_IMAGES] - low) / (high - low)
            tf.summary.image(title, shown, max_outputs=NUM_IMAGES)
