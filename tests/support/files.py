"""Image files for the tests: every format, upright or not, whole or not."""

import io

import numpy as np
from PIL import Image


def ramp(height=12, width=16):
    """An RGB image without symmetry: red grows to the right, green down."""
    rows, columns = np.mgrid[0:height, 0:width]
    red = 255 * columns // max(1, width - 1)
    green = 255 * rows // max(1, height - 1)
    return np.stack([red, green, 0 * red + 64], -1).astype("uint8")


def encoded(image, kind, **options):
    """The bytes of an image file; `image` is an array or a Pillow image."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def class_folder(root, classes=("ant", "bee"), num=3, size=8, darkest=0):
    """`num` PNG files of each class, each of one gray of its own."""
    for label, name in enumerate(classes):
        for index in range(num):
            gray = darkest + 10 * (label * num + index)
            image = np.full((size, size, 3), gray, "uint8")
            write(root / name / f"{index}.png", encoded(image, "PNG"))
    return root
