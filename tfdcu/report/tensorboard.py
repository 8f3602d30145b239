"""Images and mistakes for TensorBoard, beside the losses of each epoch."""

from pathlib import Path

import tensorflow as tf

from tfdcu.report.classes_figure import classes_figure

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


def log_mistakes(folder, mistakes):
    """Write the accuracy in each class and the confusions, unless it has some.

    Args:
        folder: Path, created if missing; `tensorboard --logdir` reads it.
        mistakes: `by_class` and `pairs`, see `tfdcu.stages.mistakes`.
    """
    if any(Path(folder).glob("*tfevents*")):
        return
    figure = classes_figure(mistakes["by_class"])
    rows = [
        f"| {pair['class']} | {pair['taken_for']} | {pair['images']:,} |"
        for pair in mistakes["pairs"]
    ]
    head = ["| class | student | images |", "|---|---|---|"]
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        if figure is not None:
            image = tf.io.decode_png(figure, channels=3)
            tf.summary.image("accuracy by class", image[None])
        tf.summary.text("new mistakes of the student", "\n".join(head + rows))
