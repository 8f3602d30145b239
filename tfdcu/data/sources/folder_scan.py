"""Check which files of a folder are images, and how to decode them."""

import dataclasses
import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from tqdm import tqdm

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
# Folders of at least this many files show a progress bar.
NUM_FILES_WITH_BAR = 2000
# Larger images are skipped: decoded, they take gigabytes. JPEG files are
# decoded at a reduced size, others whole.
MAX_PIXELS = {"JPEG": 2**27, "MPO": 2**27}
MAX_PIXELS_DECODED_WHOLE = 2**25
_EXIF_ORIENTATION = 0x0112


@dataclasses.dataclass(frozen=True)
class File:
    """An image file that can be decoded.

    Attributes:
        path: Relative to the folder.
        orientation: EXIF orientation, 1 to 8.
        size: (height, width) as stored.
        decoder: `"tensorflow"`, `"jpeg"` (TensorFlow's, at a reduced size if
            useful) or `"pillow"`.
    """

    path: str
    orientation: int
    size: tuple
    decoder: str


def scan_files(root, paths):
    """Decodes every file once, in threads.

    Every file is read completely, so that a truncated one is found before
    training. JPEG files are decoded at an eighth of their size, which also
    reads all of the file, at a third of the cost.

    Args:
        root: The folder.
        paths: Paths of files, relative to it.

    Returns:
        (found, skipped): a list of `File` in the order of `paths`, and a list
        of `{"file", "reason"}`.
    """
    found, skipped = [], []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda path: _check(root, path), paths)
        for result in _with_bar(results, len(paths)):
            (found if isinstance(result, File) else skipped).append(result)
    return found, skipped


def pillow_image(encoded):
    """Decodes to uint8 with 3 or 4 channels, with Pillow.

    For formats that TensorFlow does not decode correctly: GIF, BMP and WebP
    with alpha.
    """
    from PIL import Image

    with Image.open(io.BytesIO(encoded)) as image:
        alpha = image.has_transparency_data
        return np.asarray(image.convert("RGBA" if alpha else "RGB"))


def _with_bar(results, total):
    # On a terminal a bar; in a log a line every 30 seconds.
    return tqdm(
        results,
        desc="reading files",
        total=total,
        unit=" files",
        file=sys.stdout,
        mininterval=0.1 if sys.stdout.isatty() else 30,
        disable=total < NUM_FILES_WITH_BAR,
    )


def _check(root, path):
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
            most = MAX_PIXELS.get(image.format, MAX_PIXELS_DECODED_WHOLE)
            if image.width * image.height > most:
                return skip(f"too large: {image.width} x {image.height}")
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            size = (image.height, image.width)
            decoder = _decoder(image)
    except UnidentifiedImageError:
        return skip("not an image")
    # Pillow raises errors of many types for damaged headers.
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
    # TensorFlow 2.21 decodes palette indices of BMP files as gray values and
    # the padding byte of others as alpha, ignores WebP's alpha and the
    # transparent color of PNG files without alpha, and leaves transparent GIF
    # pixels undefined.
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
