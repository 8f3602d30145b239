"""Sources from folders of image files."""

import functools
import os
from pathlib import Path

import tensorflow as tf

from tfdcu.data.sources import pixels
from tfdcu.data.sources.folder_scan import pillow_image
from tfdcu.data.sources.folder_scan import scan_files
from tfdcu.data.sources.source import Source
from tfdcu.data.sources.source import with_lookup

# Numbers of the decoders; 1 to 3 are JPEG at a reduced size.
_ROUTES = {"tensorflow": 0, "jpeg": 0, "pillow": 4}
_JPEG_RATIOS = {1: 2, 2: 4, 3: 8}
# Images of more extreme aspect ratio, relative to the target, are skipped.
_LONG = 64


def open_folder(name, *, labeled, image_shape, value_range):
    """Reads the JPEG, PNG, BMP, GIF and WebP files under a folder.

    Labeled: one subfolder per class, named after it, with files at any depth;
    classes are sorted by name. Unlabeled: any nesting. Names that begin with a
    dot are ignored. Every file is decoded once, in threads, when the folder is
    opened; files that cannot be read (truncated, empty, another format,
    animated, not in a class folder) or are 64 times as long as wide, relative
    to `image_shape`, are skipped and listed in `skipped`. Nothing outside the
    folder is read: symbolic links to folders and to files outside are skipped
    and listed. Images are rotated by their EXIF orientation and converted by
    `pixels.convert`; large JPEG files are reduced by 2, 4 or 8 while decoding,
    to at least twice the target size. In class names that are not UTF-8,
    invalid bytes are escaped.

    Args:
        name: `"folder:<path>"`.
        labeled: Whether the subfolders are classes.
        image_shape: (height, width, channels).
        value_range: (low, high) of the decoded pixels.

    Returns:
        A `Source` with random access; it holds paths, not images.

    Raises:
        ValueError: If the folder does not exist, no image in it can be read,
            or `image_shape` is missing.
    """
    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise ValueError(
            f"The folder does not exist. Expected: an existing folder with "
            f"images. Received: {name!r}."
        )
    if image_shape is None:
        raise ValueError(
            f"The images of {name} may have any size. Expected: an "
            f"`image_shape` (height, width, channels) to convert them to. "
            f"Received: None."
        )
    root = root.resolve()
    files, skipped = _list_files(root)
    classes = None
    if labeled:
        classes = tuple(
            sorted(
                entry.name
                for entry in os.scandir(root)
                if entry.is_dir(follow_symlinks=False)
                and not entry.name.startswith(".")
            )
        )
        loose = [file for file in files if os.sep not in file]
        skipped += [
            {"file": f, "reason": "not in a class folder"} for f in loose
        ]
        files = [file for file in files if os.sep in file]
    found, unread = scan_files(root, files)
    skipped += unread + [
        {"file": f.path, "reason": "too long: {} x {}".format(*f.size)}
        for f in found
        if _is_long(f, image_shape)
    ]
    found = [file for file in found if not _is_long(file, image_shape)]
    skipped = tuple(
        {**file, "file": os.fsencode(file["file"]).decode("utf-8", "replace")}
        for file in sorted(skipped, key=lambda file: file["file"])
    )
    if not found:
        raise ValueError(
            f"{name} has no readable images. Expected: JPEG, PNG, BMP, "
            f"GIF or WebP files{' in class folders' if labeled else ''}. "
            f"Received: {len(skipped)} files that were skipped"
            f"{_examples(skipped)}."
        )
    labels = None
    if labeled:
        index = {folder: label for label, folder in enumerate(classes)}
        labels = [index[file.path.split(os.sep)[0]] for file in found]
        classes = tuple(
            os.fsencode(folder).decode("utf-8", "backslashreplace")
            for folder in classes
        )
    return _source(
        name, root, found, labels, classes, skipped, image_shape, value_range
    )


def _source(
    name, root, found, labels, classes, skipped, image_shape, value_range
):
    with tf.device("CPU:0"):
        # Bytes, since file names may not be UTF-8.
        paths = tf.constant(
            [os.fsencode(os.path.join(root, file.path)) for file in found]
        )
        turns = tf.constant([file.orientation for file in found], tf.int32)
        chosen = [_route(file, image_shape) for file in found]
        routes = tf.constant(chosen, tf.int32)
        kept = None if labels is None else tf.constant(labels, tf.int32)
    # Only if needed: graphs that call Python cannot be saved.
    needs_pillow = any(file.decoder == "pillow" for file in found)

    def lookup(index):
        item = {
            "path": tf.gather(paths, index),
            "orientation": tf.gather(turns, index),
            "route": tf.gather(routes, index),
        }
        return item if kept is None else (item, tf.gather(kept, index))

    def decode(item, image_shape):
        encoded = tf.io.read_file(item["path"])
        branches = [functools.partial(_decode, encoded)]
        for ratio in _JPEG_RATIOS.values():
            branches.append(functools.partial(_decode_jpeg, encoded, ratio))
        if needs_pillow:
            branches.append(functools.partial(_decode_in_python, encoded))
        image = tf.switch_case(item["route"], branches)
        image = pixels.orient(image, item["orientation"])
        return pixels.convert(image, image_shape, value_range)

    source = Source(
        name=name,
        num_images=len(found),
        image_shape=tuple(image_shape),
        value_range=tuple(value_range),
        labeled=labels is not None,
        records=tf.data.Dataset.range(len(found)),
        decode=decode,
        classes=classes,
        skipped=skipped,
        record_bytes=256,
        spans=((f"folder:{root}", 0, len(found)),),
    )
    return with_lookup(source, lookup)


def _is_long(file, image_shape):
    """Whether an image's aspect ratio is too far from the target's."""
    height, width = image_shape[:2]
    if file.orientation >= 5:
        height, width = width, height
    ratios = file.size[0] / height, file.size[1] / width
    return max(ratios) > _LONG * min(ratios)


def _route(file, image_shape):
    """The number of a file's decoder.

    Decoding a large JPEG file at a reduced size is several times as fast. At
    least twice the target size is kept: the reduced size is rounded to whole
    pixels, which would shift the image visibly if few were left.
    """
    route = _ROUTES[file.decoder]
    wanted = image_shape[:2]
    if file.orientation >= 5:
        wanted = wanted[::-1]
    if file.decoder == "jpeg":
        for route_of_ratio, ratio in _JPEG_RATIOS.items():
            if all(s >= 2 * ratio * w for s, w in zip(file.size, wanted)):
                route = route_of_ratio
    return route


def _decode(encoded):
    image = tf.io.decode_image(encoded, expand_animations=False)
    return tf.ensure_shape(image, (None, None, None))


def _decode_jpeg(encoded, ratio):
    image = tf.io.decode_jpeg(encoded, ratio=ratio)
    return tf.ensure_shape(image, (None, None, None))


def _decode_in_python(encoded):
    image = tf.numpy_function(pillow_image, [encoded], tf.uint8)
    return tf.ensure_shape(image, (None, None, None))


def _list_files(root):
    files, skipped = [], []

    def unreadable(error):
        place = os.path.relpath(error.filename, root)
        skipped.append({"file": place, "reason": error.strerror})

    for folder, subfolders, names in os.walk(root, onerror=unreadable):
        subfolders[:] = sorted(n for n in subfolders if not n.startswith("."))
        for name in subfolders + sorted(names):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, root)
            if name.startswith("."):
                continue
            if os.path.islink(full) and not _inside(full, root):
                reason = "symbolic link to a folder or out of this one"
                skipped.append({"file": path, "reason": reason})
            elif name not in subfolders:
                files.append(path)
    return sorted(files), skipped


def _inside(link, root):
    target = Path(os.path.realpath(link))
    return target.is_relative_to(root) and not target.is_dir()


def _examples(skipped):
    shown = "; ".join(f"{s['file']}: {s['reason']}" for s in skipped[:3])
    return f" ({shown}{'; ...' if len(skipped) > 3 else ''})" if shown else ""
