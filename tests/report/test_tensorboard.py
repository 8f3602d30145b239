"""The images that TensorBoard shows."""

import io

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.util.tensor_util import make_ndarray

from tfdcu.report.tensorboard import log_images
from tfdcu.report.tensorboard import log_mistakes


def tensors(folder):
    """What the only event file of a folder holds, by title."""
    (path,) = folder.glob("*tfevents*")
    events = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
    return {
        title: make_ndarray(event.tensor_proto)
        for title in events.Tags()["tensors"]
        for event in events.Tensors(title)
    }


def test_images_are_logged_once_in_the_range_of_their_pixels(tmp_path):
    gray = np.full((20, 4, 4, 1), 255.0, "float32")
    for _ in range(2):
        log_images(tmp_path, {"pool": gray, "labeled": gray[:2]}, (-255, 255))
    logged = tensors(tmp_path)
    assert sorted(logged) == ["labeled", "pool"]
    for title, num in (("pool", 16), ("labeled", 2)):
        width, height, *images = logged[title]
        assert (width, height) == (b"4", b"4") and len(images) == num
        assert all(
            np.asarray(Image.open(io.BytesIO(image))).min() == 255
            for image in images
        )


def test_mistakes_are_a_figure_and_a_table(tmp_path):
    pair = {"class": "cat", "taken_for": "dog", "images": 1200}
    row = {"class": "cat", "images": 4000, "teacher": 0.9, "student": 0.6}
    for _ in range(2):
        log_mistakes(tmp_path, {"by_class": [row], "pairs": [pair]})
    logged = tensors(tmp_path)
    width, height, image = logged["accuracy by class"]
    drawn = Image.open(io.BytesIO(image))
    assert drawn.size == (int(width), int(height))
    assert np.asarray(drawn).std() > 0
    text = str(logged["new mistakes of the student"])
    assert "| cat | dog | 1,200 |" in text


def test_without_labels_there_are_only_confusions(tmp_path):
    log_mistakes(tmp_path, {"by_class": [], "pairs": []})
    assert list(tensors(tmp_path)) == ["new mistakes of the student"]
