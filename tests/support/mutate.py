"""Files with random damage, the same for the same number."""

import copy
import functools
import io
import json
import pathlib
import random

import numpy as np
from PIL import Image

from tests.support import files
from tests.support import hostile
from tests.support import tiny

EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
VALUES = (
    *(None, True, -1, 0, 1.5, 1e308, 10**12, float("nan"), "", "<b>\x1b[31m"),
    *("../../x", [], {}, [[]], {"a": None}),
)


def damaged(content, generator):
    """Bytes with one to three random faults."""
    content = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 3))):
        place = generator.randrange(len(content) + 1)
        length = min(2 ** generator.randrange(8), len(content) - place)
        span = slice(place, place + length)
        kind = generator.randrange(7)
        if kind == 0 and length:
            content[place] ^= 1 << generator.randrange(8)
        elif kind == 1:
            content[span] = generator.randbytes(length)
        elif kind == 2:
            content[span] = bytes([generator.choice((0, 255))]) * length
        elif kind == 3:
            del content[span]
        elif kind == 4:
            content[place:place] = content[span] * generator.choice((1, 50))
        elif kind == 5:
            number = generator.choice(EXTREMES).to_bytes(4, "little")
            content[place : place + 4] = number
        elif generator.random() < 0.3:
            del content[place:]
    return bytes(content)


def damaged_archive(content, generator):
    """A zip archive with damage, or a whole one of damaged members."""
    if generator.random() < 0.4:
        return damaged(content, generator)
    parts = hostile.members(content)
    name = generator.choice(sorted(parts))
    change = damaged_json if name.endswith(".json") else damaged
    parts[name] = change(parts[name], generator)
    if generator.random() < 0.1:
        del parts[generator.choice(sorted(parts))]
    return hostile.archive_of(parts)


def damaged_json(content, generator):
    """JSON with other values, or no JSON."""
    if generator.random() < 0.2:
        return damaged(content, generator)
    value = json.loads(content)
    for _ in range(generator.choice((1, 1, 2))):
        places = list(_places(value))
        if places:
            holder, key = generator.choice(places)
            new = copy.deepcopy(generator.choice(VALUES))
            if isinstance(holder, dict) and generator.random() < 0.2:
                del holder[key]
            else:
                holder[key] = new
    return json.dumps(value).encode()


def _places(value):
    """Pairs of a dict or list and a key, of all that is in a value."""
    pairs = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, one in pairs:
        yield value, key
        yield from _places(one)


@functools.cache
def images():
    """Pairs of ending and content of whole image files."""
    picture = Image.fromarray(files.ramp(24, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        (k, files.encoded(picture, k)) for k in ("PNG", "GIF", "BMP", "WEBP")
    ]
    return [
        *kinds,
        ("JPEG", files.encoded(picture, "JPEG", exif=exif)),
        ("JPEG", files.encoded(picture, "JPEG", progressive=True)),
        ("PNG", files.encoded(picture.quantize(9), "PNG")),
    ]


@functools.cache
def archives():
    """Whole .npz files."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), "uint8")
    found = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, images=pixels, labels=tiny.labels(4))
        found.append(file.getvalue())
    return found


@functools.cache
def sidecar():
    """The JSON file beside `hostile.litert_file`."""
    import tempfile

    import tfdcu

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.tflite"
        tfdcu.export_litert(tiny.plain_net(), path, classes=list("abcd"))
        return path.read_bytes(), path.with_suffix(".json").read_bytes()


def write_image(folder, generator):
    kind, content = generator.choice(images())
    content = damaged(content, generator)
    return hostile.image(f"a.{kind.lower()}", content, folder)


def write_npz(folder, generator):
    content = damaged_archive(generator.choice(archives()), generator)
    return files.write(folder / "a.npz", content)


def write_keras(folder, generator):
    if generator.random() < 0.3:
        content = damaged(hostile.model_file(".h5"), generator)
        return files.write(folder / "a.h5", content)
    content = damaged_archive(hostile.model_file(".keras"), generator)
    return files.write(folder / "a.keras", content)


def write_litert(folder, generator):
    content = damaged(hostile.litert_file(), generator)
    return files.write(folder / "a.tflite", content)


def write_sidecar(folder, generator):
    model, text = sidecar()
    files.write(folder / "a.json", damaged_json(text, generator))
    return files.write(folder / "a.tflite", model)


def write_report(folder, generator):
    text = json.dumps({"rows": tiny.report_record()["rows"]}).encode()
    files.write(folder / "report.json", damaged_json(text, generator))
    return folder


def write_workdir(folder, generator):
    known = {"diagnosis.json": "0" * 64, "channels/1.json": "0" * 64}
    run = hostile.workdir(
        folder,
        files=json.dumps(known),
        diagnosis=json.dumps({"num": 1, "shares": [0.5, 0.5]}),
        seconds=json.dumps({"distill": 1.5}),
    )
    path = generator.choice(sorted(run.glob("*.json")))
    path.write_bytes(damaged_json(path.read_bytes(), generator))
    return run


# What is opened by `judge.OPEN`, and how it is made.
MAKERS = (
    ("images", write_image),
    ("npz", write_npz),
    ("keras", write_keras),
    ("tflite", write_litert),
    ("tflite", write_sidecar),
    ("report", write_report),
    ("workdir", write_workdir),
)


def write(number, folder):
    """The damaged file of a number.

    Returns:
        (kind, path) for `Judge.open`.
    """
    kind, make = MAKERS[number % len(MAKERS)]
    return kind, make(folder, random.Random(number))
