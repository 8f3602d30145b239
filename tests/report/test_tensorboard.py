"""The images that TensorBoard shows."""

import io

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.util.tensor_util import make_ndarray

from tfdcu.report.tensorboard import log_images


def test_images_are_logged_once_in_the_range_of_their_pixels(tmp_path):
    gray = np.full((20, 4, 4, 1), 255.0, "float32")
    for _ in range(2):
        log_images(tmp_path, {"pool": gray, "labeled": gray[:2]}, (-255, 255))
    (path,) = tmp_path.glob("*tfevents*")
    events = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
    assert sorted(events.Tags()["tensors"]) == ["labeled", "pool"]
    for title, num in (("pool", 16), ("labeled", 2)):
        (event,) = events.Tensors(title)
        width, height, *images = make_ndarray(event.tensor_proto)
        assert (width, height) == (b"4", b"4") and len(images) == num
        assert all(
            np.asarray(Image.open(io.BytesIO(image))).min() == 255
            for image in images
        )
