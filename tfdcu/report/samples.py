"""A figure of sample images."""

import numpy as np

from tfdcu.report import style
from tfdcu.workdir.console import printable

COLUMNS = 12
ROWS = 2


def samples_figure(samples, classes=()):
    """Shows a few labeled and unlabeled images, to check the pool by eye.

    Args:
        samples: Dict from title to images, e.g. {"labeled": (images, labels),
            "unlabeled": images}. Images: (num, height, width, channels), of
            which the first 24 are shown, with the first three channels or the
            first one; values outside [0, 1] are rescaled. Labels: class
            indices, or captions of one or two lines.
        classes: Class names, shown above labeled images.

    Returns:
        The bytes of a PNG file, or None if there are no images.

    Raises:
        ValueError: If images have another shape.

    Example:

    >>> png = samples_figure({"labeled": (few, labels), "unlabeled": pool})
    """
    bands = []
    for title, images in samples.items():
        images, labels = images if isinstance(images, tuple) else (images, None)
        images = _pictures(title, np.asarray(images)[: COLUMNS * ROWS])
        if len(images):
            bands.append((title, images, labels))
    return style.draw(_draw, bands, classes)


def _pictures(title, images):
    if len(images) and images.ndim != 4:
        raise ValueError(
            f"The samples '{title}' cannot be shown. Expected: images of shape "
            f"(num, height, width, channels). Received: shape {images.shape}."
        )
    images = images[..., : 3 if images.shape[-1] >= 3 else 1]
    images = np.nan_to_num(images.astype("float32"))
    if len(images) and (images.min() < 0 or images.max() > 1):
        images = images - images.min()
        images = images / max(images.max(), 1e-12)
    return images


def _draw(new_figure, bands, classes):
    if not bands:
        return None
    heights = [
        # In inches: the title, and rows of images with or without labels.
        0.45 + -(-len(images) // COLUMNS) * (0.85 + 0.15 * lines_of(labels))
        for _, images, labels in bands
    ]
    figure = new_figure(10, sum(heights))
    parts = figure.subfigures(len(bands), 1, height_ratios=heights)
    for part, band in zip(np.atleast_1d(parts), bands):
        _draw_band(part, band, classes)
    return figure


def lines_of(labels):
    """Lines above each image."""
    if labels is None or not len(labels):
        return 0
    return 1 + str(labels[0]).count("\n")


def _draw_band(part, band, classes):
    title, images, labels = band
    part.suptitle(title, x=0.01, ha="left", fontsize=11, weight="bold")
    num_rows = -(-len(images) // COLUMNS)
    panels = part.subplots(num_rows, COLUMNS, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for index, (axes, image) in enumerate(zip(panels, images)):
        gray = image.shape[-1] == 1
        axes.imshow(
            image[..., 0] if gray else image,
            cmap="gray" if gray else None,
            vmin=0,
            vmax=1,
            # Small images unsmoothed, so that pixels are visible.
            interpolation="nearest" if len(image) < 100 else "antialiased",
        )
        if labels is not None:
            name = _name(labels[index], classes)
            axes.set_title(name, fontsize=8, weight="normal", loc="center")


def _name(label, classes):
    if isinstance(label, str):
        return "\n".join(map(_cut, label.split("\n")))
    if np.ndim(label) == 1:
        # Several labels an image: those that hold.
        held = np.flatnonzero(label).tolist()
        names = [str(classes[i]) if classes else str(i) for i in held]
        return _cut(", ".join(names) or "none")
    label = int(label)
    known = 0 <= label < len(classes)
    return _cut(printable(str(classes[label])) if known else str(label))


def _cut(name):
    return name if len(name) <= 11 else name[:10] + "…"
