"""Source of printed characters, the unlabeled pool of the digits example."""

import math
import string
from pathlib import Path

import numpy as np

from tfdcu.data.sources import arrays

NUM_IMAGES = 6000
# Share of digits; the letters belong to no class of the task.
DIGITS_SHARE = 0.5
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmb10",
    "cmr10",
    "cmss10",
    "cmtt10",
)
# As the scans: 32x32 black or white dots, counted in blocks of 4x4.
_CELLS = 8
_DOTS = 4
_CANVAS = 64


def open_printed(name, *, labeled, image_shape, value_range, seed):
    """Draws printed characters in the format of the handwritten digits.

    Half of them are digits and half Latin letters of both cases, in 15 of the
    fonts that ship with matplotlib, with random size, width, slant, rotation,
    position, stroke width and contrast. Like the scans they are drawn on 32x32
    dots and reduced to 8x8 gray values. The pool is biased on purpose: printed
    instead of handwritten, and half of it belongs to no class. No scan is
    used. Takes about a second; nothing is cached.

    Args:
        name: `"printed"` for 6,000 characters, or `"printed:<num>"`.
        labeled: Must be False.
        image_shape: (height, width, channels); `None` for (8, 8, 1).
        value_range: (low, high) of the pixels.
        seed: The same seed draws the same characters.

    Returns:
        A `Source` in memory.

    Raises:
        ValueError: If `labeled` is True, or the number is invalid.
    """
    if labeled:
        raise ValueError(
            f"{name!r} has no labels. Expected: labeled=False, or a labeled "
            f"source. Received: labeled=True."
        )
    images = draw_characters(_number(name), seed)
    low, high = value_range
    return arrays.open_arrays(
        name,
        images * (high - low) + low,
        None,
        image_shape=image_shape,
        value_range=value_range,
        spans=((f"printed:{seed}", 0, len(images)),),
    )


def draw_characters(num, seed=0):
    """Float32 images (num, 8, 8, 1) in [0, 1], white on black."""
    generator = np.random.default_rng(seed)
    glyphs = {}
    return np.stack([_draw(generator, glyphs) for _ in range(num)])


def _draw(generator, glyphs):
    digit = generator.random() < DIGITS_SHARE
    character = generator.choice(
        list(string.digits if digit else string.ascii_letters)
    )
    font = generator.choice(FONTS)
    if (character, font) not in glyphs:
        glyphs[character, font] = _glyph(character, font)
    glyph = glyphs[character, font]
    side = _CELLS * _DOTS
    # The scans are scaled to the full height; their width varies.
    height = side * generator.uniform(0.85, 1.0)
    aspect = glyph.width / glyph.height
    width = height * min(aspect * generator.uniform(0.75, 1.15), 0.9)
    angle = math.radians(generator.normal(0.0, 6.0))
    slant = generator.normal(0.0, 0.12)
    shift = generator.uniform(-1.5, 1.5, 2)
    dots = _place(glyph, (width, height), angle, slant, shift, side)
    # A threshold below half thickens the stroke, one above thins it.
    ink = dots > generator.uniform(0.2, 0.7)
    gray = ink.reshape(_CELLS, _DOTS, _CELLS, _DOTS).mean((1, 3))
    gray = np.minimum(gray * generator.uniform(0.85, 1.15), 1.0)
    return gray[..., None].astype("float32")


def _place(glyph, size, angle, slant, shift, side):
    from PIL import Image

    # Pillow takes the inverse map, from the dots to the glyph.
    cos, sin = math.cos(angle), math.sin(angle)
    forward = np.array([[cos, -sin], [sin, cos]]) @ [[1.0, slant], [0.0, 1.0]]
    forward = forward * (size[0] / glyph.width, size[1] / glyph.height)
    back = np.linalg.inv(forward)
    center = np.array([glyph.width, glyph.height]) / 2
    offset = center - back @ (side / 2 + shift)
    row_x, row_y = np.column_stack([back, offset])
    placed = glyph.transform(
        (side, side),
        Image.Transform.AFFINE,
        (*row_x, *row_y),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(placed, "float32") / 255


def _glyph(character, font):
    """The character, cropped to its bounding box, as a Pillow image."""
    import matplotlib
    from PIL import Image
    from PIL import ImageDraw
    from PIL import ImageFilter
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    face = ImageFont.truetype(str(path), _CANVAS)
    canvas = Image.new("L", (3 * _CANVAS, 3 * _CANVAS))
    ImageDraw.Draw(canvas).text((_CANVAS, _CANVAS), character, 255, face)
    # Blurred, so that the threshold can thicken or thin the stroke.
    return canvas.crop(canvas.getbbox()).filter(ImageFilter.BoxBlur(2))


def _number(name):
    _, _, text = name.partition(":")
    if not text:
        return NUM_IMAGES
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(
            f"Invalid number of characters. Expected: 'printed' or "
            f"'printed:<num>' with num >= 1. Received: {name!r}."
        )
    return int(text)
