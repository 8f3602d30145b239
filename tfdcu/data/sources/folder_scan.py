"""Looks at every file of a folder once: which are images, how to read them."""

import dataclasses
import io
import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
# A progress bar appears for folders of at least this many files.
NUM_FILES_WITH_BAR = 2000
# Larger images are taken for decompression bombs (Pillow's own limit).
MAX_PIXELS = 178_956_970
_EXIF_ORIENTATION = 0x0112


@dataclasses.dataclass(frozen=True)
class File:
    """A file that decodes.

    Attributes:
        path: Below the folder.
        orientation: EXIF's, 1 to 8.
        size: (height, width) as stored.
        decoder: `"tensorflow"`, `"jpeg"` (TensorFlow's, which can shrink) or
            `"pillow"`.
    """

    path: str
    orientation: int
    size: tuple
    decoder: str


def scan_files(root, paths):
    """Decodes every file once, in threads.

    Reading all of every file is what makes training safe from a truncated one
    hours later. JPEG files are decoded at an eighth of their size, which reads
    as much of them at a third of the cost.

    Args:
        root: The folder.
        paths: Paths of files, relative to it.

    Returns:
        (found, skipped): a list of `File` in the order of `paths`, and a list
        of `{"file", "reason"}`.
    """
    found, skipped = [], []
    bar = None
    if len(paths) >= NUM_FILES_WITH_BAR:
        bar = keras.utils.Progbar(len(paths), unit_name="file")
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda path: _look(root, path), paths)
        for number, result in enumerate(results, start=1):
            (found if isinstance(result, File) else skipped).append(result)
            if bar is not None:
                bar.update(number)
    return found, skipped


def pillow_image(encoded):
    """Decodes what TensorFlow does not, or not rightly, as uint8 with 3 or 4
    channels: GIF, bitmaps, WebP with alpha."""
    from PIL import Image

    with Image.open(io.BytesIO(encoded)) as image:
        alpha = image.has_transparency_data
        return np.asarray(image.convert("RGBA" if alpha else "RGB"))


def _look(root, path):
    full = os.path.join(root, path)
    try:
        if not os.path.isfile(full):
            return {"file": path, "reason": "not a regular file"}
        with open(full, "rb") as file:
            encoded = file.read()
        if not encoded:
            return {"file": path, "reason": "empty file"}
        return _examine(path, encoded)
    except OSError as error:
        return {"file": path, "reason": f"unreadable: {error}"}


def _examine(path, encoded):
    from PIL import Image
    from PIL import UnidentifiedImageError

    def skip(reason):
        return {"file": path, "reason": reason}

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.format not in FORMATS + ("MPO",):
                return skip(f"{image.format} is not a supported format")
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                return skip("animated")
            if image.width * image.height > MAX_PIXELS:
                return skip(f"too large: {image.width} x {image.height}")
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            size = (image.height, image.width)
            decoder = _decoder(image)
    except UnidentifiedImageError:
        return skip("not an image")
    # Pillow lets errors of many types out of damaged headers.
    except Exception as error:
        return skip(f"damaged: {error}")
    if orientation not in range(1, 9):
        orientation = 1
    if not _decodes_in_tensorflow(encoded, decoder):
        decoder = "pillow"
        try:
            pillow_image(encoded)
        except Exception as error:
            return skip(f"damaged: {error}")
    return File(path, orientation, size, decoder)


def _decoder(image):
    # TensorFlow 2.21 reads the indices of palette bitmaps as gray values and
    # the empty byte of others as alpha, drops WebP's alpha and the one color
    # that a PNG without alpha may call transparent, and leaves a GIF's
    # transparency undefined.
    if image.format in ("JPEG", "MPO"):
        return "jpeg"
    opaque = not image.has_transparency_data
    right = {
        "PNG": opaque or image.mode in ("P", "LA", "RGBA"),
        "WEBP": opaque,
        "BMP": False,
        "GIF": False,
    }
    return "tensorflow" if right[image.format] else "pillow"


def _decodes_in_tensorflow(encoded, decoder):
    try:
        with tf.device("CPU:0"):
            if decoder == "jpeg":
                tf.io.decode_jpeg(encoded, ratio=8)
            elif decoder == "tensorflow":
                tf.io.decode_image(encoded, expand_animations=False)
    except (tf.errors.OpError, ValueError):
        return False
    return decoder != "pillow"
