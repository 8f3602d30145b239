"""Hostile inputs, each made by code, and what they do to memory.

    python -m tests.support.hostile [WORD ...]

opens them all, or those whose names have one of the words, and prints the table
of docs/security.md.
"""

import functools
import io
import json
import os
import pathlib
import struct
import sys
import tempfile
import zipfile
import zlib

import numpy as np
from PIL import Image

from tests.support import files
from tests.support import tiny

# Name to (kind for the judge, outcomes that are right, most MiB, function of a
# folder that returns what is opened).
HOSTILE = {}


def hostile(kind, outcome, *, most=256):
    """Decorator: adds an input, of the name of its function, to `HOSTILE`."""

    def add(make):
        name = make.__name__.replace("_", " ")
        HOSTILE[name] = kind, outcome.split(), most, make
        return make

    return add


def image(name, content, folder, times=1):
    """A folder of one good image and of this one."""
    files.write(folder / "good.png", files.encoded(files.ramp(), "PNG"))
    for index in range(times):
        files.write(folder / f"{index}-{name}", content)
    return folder


def chunk(kind, content):
    """A chunk of a PNG file."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(width, height, *chunks):
    """A PNG file of gray values whose header says what it likes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def one_bit(side):
    return files.encoded(Image.new("1", (side, side)), "PNG")


@hostile("images", "skipped")
def four_png_of_one_bit_13000_x_13000(folder):
    return image("a.png", one_bit(13000), folder, times=4)


@hostile("images", "taken", most=1536)
def four_png_of_one_bit_5700_x_5700(folder):
    return image("a.png", one_bit(5700), folder, times=4)


@hostile("images", "skipped")
def png_whose_header_says_2_billion_pixels_a_side(folder):
    data = (b"IDAT", zlib.compress(bytes(1000)))
    return image("a.png", png(2**31 - 1, 2**31 - 1, data), folder)


@hostile("images", "skipped")
def png_of_fewer_rows_than_its_header_says(folder):
    data = (b"IDAT", zlib.compress(bytes(1000)))
    return image("a.png", png(5000, 5000, data), folder)


@hostile("images", "skipped taken")
def png_with_a_text_of_half_a_GB(folder):
    text = (b"zTXt", b"a\0\0" + zlib.compress(bytes(2**29)))
    rows = (b"IDAT", zlib.compress(bytes(9 * 8)))
    return image("a.png", png(8, 8, text, rows), folder)


@hostile("images", "skipped taken")
def png_with_a_color_profile_of_half_a_GB(folder):
    text = (b"iCCP", b"a\0\0" + zlib.compress(bytes(2**29)))
    rows = (b"IDAT", zlib.compress(bytes(9 * 8)))
    return image("a.png", png(8, 8, text, rows), folder)


@hostile("images", "skipped")
def bmp_whose_header_says_a_million_pixels_a_side(folder):
    content = bytearray(files.encoded(files.ramp(), "BMP"))
    content[18:26] = struct.pack("<ii", 10**6, 10**6)
    return image("a.bmp", bytes(content), folder)


@hostile("images", "skipped")
def gif_with_a_screen_of_65535_x_65535(folder):
    content = bytearray(files.encoded(files.ramp(), "GIF"))
    content[6:10] = struct.pack("<HH", 65535, 65535)
    return image("a.gif", bytes(content), folder)


@hostile("images", "skipped")
def jpeg_whose_header_says_65500_x_65500(folder):
    content = bytearray(files.encoded(files.ramp(), "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 65500, 65500)
    return image("a.jpg", bytes(content), folder)


@hostile("images", "skipped")
def images_that_are_cut_short(folder):
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        whole = files.encoded(files.ramp(90, 120), kind)
        for share in (0.01, 0.5, 0.9):
            content = whole[: int(share * len(whole))]
            image(f"{share}.{kind.lower()}", content, folder / kind)
    return folder


@hostile("images", "skipped")
def no_images_under_the_names_of_images(folder):
    image("a.png", b"", folder)
    image("b.jpg", b"<svg><script>alert(1)</script></svg>", folder)
    image("c.gif", bytes(10**6), folder)
    os.mkfifo(folder / "d.png")
    (folder / "e.png").symlink_to("/dev/zero")
    (folder / "f.png").symlink_to("f.png")
    return folder


@hostile("images", "skipped")
def images_that_move(folder):
    frames = [Image.new("L", (8, 8), 9 * n) for n in range(3)]
    for kind in ("GIF", "PNG", "WEBP"):
        moving = files.encoded(
            frames[0], kind, save_all=True, append_images=frames[1:]
        )
        image(f"a.{kind.lower()}", moving, folder)
    return folder


@hostile("images", "taken")
def images_that_are_odd_but_whole(folder):
    picture = Image.fromarray(files.ramp())
    image("png-as.jpg", files.encoded(picture, "PNG"), folder)
    image("cmyk.jpg", files.encoded(picture.convert("CMYK"), "JPEG"), folder)
    deep = Image.fromarray(np.full((8, 8), 40000, "uint16"))
    image("deep.png", files.encoded(deep, "PNG"), folder)
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = files.encoded(picture, "JPEG", exif=exif)
        image(f"{orientation}.jpg", turned, folder)
    return folder


def npz(folder, *, method=zipfile.ZIP_DEFLATED, **members):
    """An archive of members that need not be arrays."""
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def array(value):
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def header(text):
    """An array file that ends after a header of this text."""
    text = text.encode("latin1") + b"\n"
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text


def says(shape, kind="|u1"):
    return header(
        f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}"
    )


LABELS = array(np.zeros(4, "int32"))


@hostile("npz", "refused")
def npz_of_zeros_400_MB_unpacked(folder):
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            file.write(says((2048, 256, 256, 3)))
            for _ in range(32):
                file.write(bytes(64 * 256 * 256 * 3))
        archive.writestr("labels.npy", array(np.zeros(2048, "int32")))
    return path


@hostile("npz", "refused")
def npz_whose_header_says_a_trillion_images(folder):
    return npz(folder, images=says((10**12, 8, 8, 3)), labels=LABELS)


@hostile("npz", "refused")
def npz_whose_header_says_a_negative_number(folder):
    return npz(folder, images=says((-4, 8, 8, 3)), labels=LABELS)


@hostile("npz", "refused")
def npz_whose_header_is_nested_100000_deep(folder):
    return npz(folder, images=header("(" * 100_000), labels=LABELS)


@hostile("npz", "refused")
def npz_whose_header_has_100_MB(folder):
    return npz(folder, images=header(" " * 10**8), labels=LABELS)


@hostile("npz", "refused")
def npz_of_texts(folder):
    return npz(folder, images=array(np.array(["a"] * 4)), labels=LABELS)


@hostile("npz", "refused")
def npz_with_pickles(folder):
    pickled = array(np.array([print] * 4, object))
    return npz(folder, images=pickled, labels=LABELS)


@hostile("npz", "refused")
def npz_with_labels_that_are_no_numbers(folder):
    pixels = array(np.zeros((4, 8, 8, 3), "uint8"))
    return npz(folder, images=pixels, labels=array(np.array([np.nan] * 4)))


@hostile("npz", "refused")
def npz_of_complex_numbers(folder):
    pixels = array(np.zeros((4, 8, 8, 3), "complex64"))
    return npz(folder, images=pixels, labels=LABELS)


@hostile("npz", "refused")
def npz_of_100000_members(folder):
    return npz(folder, **{f"a{index}": b"" for index in range(100_000)})


@functools.cache
def model_file(suffix):
    """The bytes of a small model, saved as ".keras" or ".h5"."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"a{suffix}"
        tiny.plain_net().save(path)
        return path.read_bytes()


def members(content):
    """Dict of what a zip archive holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(contents):
    """The bytes of a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def keras_with(folder, change=None, **more):
    """A model file whose config was changed, or that has other members."""
    parts = members(model_file(".keras"))
    if change:
        config = json.loads(parts["config.json"])
        change(config["config"]["layers"])
        parts["config.json"] = json.dumps(config)
    content = archive_of({**parts, **more})
    return files.write(folder / "a.keras", content)


@hostile("keras", "refused")
def keras_with_a_config_of_half_a_GB(folder):
    return keras_with(folder, **{"config.json": b" " * 2**29})


@hostile("keras", "refused")
def keras_with_a_config_nested_100000_deep(folder):
    return keras_with(folder, **{"config.json": b"[" * 100_000})


@hostile("keras", "refused")
def keras_with_weights_that_unpack_to_half_a_GB(folder):
    return keras_with(folder, **{"model.weights.h5": bytes(2**29)})


@hostile("keras", "refused")
def keras_with_a_layer_of_a_trillion_weights(folder):
    def change(layers):
        layers[-1]["config"]["units"] = 10**11

    return keras_with(folder, change)


@hostile("keras", "refused")
def keras_with_python_code(folder):
    def change(layers):
        layers[3]["class_name"] = "Lambda"
        layers[3]["config"] = {
            "name": "relu1",
            "function": {
                "class_name": "__lambda__",
                "config": {"code": "4wAAAA==", "defaults": None},
            },
        }

    return keras_with(folder, change)


@hostile("keras", "refused")
def keras_with_a_function_of_the_system(folder):
    def change(layers):
        layers[3] |= {"module": "os", "class_name": "system"}

    return keras_with(folder, change)


@hostile("keras", "taken")
def keras_with_paths_out_of_its_archive(folder):
    return keras_with(folder, **{"../../escaped": b"x", "/tmp/escaped": b"x"})


@hostile("keras", "refused")
def hdf5_that_is_cut_short(folder):
    return files.write(folder / "a.h5", model_file(".h5")[:-2000])


@hostile("keras", "refused")
def hdf5_with_weights_in_another_file(folder):
    import h5py

    path = files.write(folder / "a.h5", model_file(".h5"))
    with h5py.File(path, "r+") as file:
        weights = file["model_weights"]
        del weights["conv1"]
        weights["conv1"] = h5py.ExternalLink("/etc/passwd", "/")
    return path


@hostile("keras", "refused")
def hdf5_with_weights_that_unpack_to_4_GB(folder):
    import h5py

    path = files.write(folder / "a.h5", model_file(".h5"))
    with h5py.File(path, "r+") as file:
        found = []
        file["model_weights/conv1"].visit(found.append)
        name = next(one for one in found if one.endswith("kernel"))
        group = file["model_weights/conv1"]
        del group[name]
        group.create_dataset(
            name, (2**15, 2**15), "float32", compression="gzip"
        )
    return path


@functools.cache
def litert_file():
    """The bytes of a small LiteRT file."""
    import tfdcu

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.tflite"
        tfdcu.export_litert(tiny.plain_net(), path)
        return path.read_bytes()


@hostile("tflite", "refused")
def tflite_that_is_cut_short(folder):
    return files.write(folder / "a.tflite", litert_file()[:-500])


@hostile("tflite", "refused")
def tflite_of_its_first_bytes(folder):
    return files.write(folder / "a.tflite", litert_file()[:8])


@hostile("tflite", "refused")
def tflite_with_tables_that_lie_outside(folder):
    content = bytearray(litert_file())
    content[:4] = struct.pack("<I", 2**31)
    return files.write(folder / "a.tflite", bytes(content))


@hostile("tflite", "refused")
def tflite_whose_input_has_a_trillion_pixels(folder):
    shape = struct.pack("<iiii", 1, 8, 8, 1)
    huge = struct.pack("<iiii", 1, 10**6, 10**6, 1)
    content = litert_file()
    assert shape in content
    return files.write(folder / "a.tflite", content.replace(shape, huge))


RECORD = {"rows": tiny.report_record()["rows"]}


@hostile("report", "refused")
def report_that_is_nested_100000_deep(folder):
    files.write(folder / "report.json", b"[" * 100_000)
    return folder


@hostile("report", "refused")
def report_of_texts_in_place_of_numbers(folder):
    rows = [{**row, "accuracy": "<script>"} for row in RECORD["rows"]]
    files.write(folder / "report.json", json.dumps({"rows": rows}).encode())
    return folder


def workdir(folder, **contents):
    """A run's folder with files of these contents."""
    config = {"seed": 0, "data": {"classes": ["a"]}, "versions": {"keras": "3"}}
    contents = {"config": json.dumps(config), **contents}
    for name, content in contents.items():
        files.write(folder / "run" / f"{name}.json", content.encode())
    return folder / "run"


@hostile("workdir", "refused")
def workdir_whose_list_names_files_outside(folder):
    files.write(folder / "victim", b"not of the run")
    names = "../victim", str(folder / "victim")
    return workdir(folder, files=json.dumps(dict.fromkeys(names, "0" * 64)))


@hostile("workdir", "refused")
def workdir_whose_list_is_nested_100000_deep(folder):
    return workdir(folder, files="[" * 100_000)


@hostile("workdir", "refused")
def workdir_whose_list_has_other_types(folder):
    return workdir(folder, files=json.dumps({"a": 1, "b": None}))


@hostile("workdir", "refused")
def workdir_whose_config_is_a_list(folder):
    return workdir(folder, config="[[]]")


@hostile("workdir", "refused")
def workdir_that_is_a_file(folder):
    return files.write(folder / "run", b"")


def config(folder, text):
    return files.write(folder / "config.py", text.encode())


@hostile("config", "refused")
def config_with_an_error_of_syntax(folder):
    return config(folder, "def get_config(:\n")


@hostile("config", "refused")
def config_that_calls_itself(folder):
    return config(folder, "def get_config():\n    return get_config()\n")


@hostile("config", "refused")
def config_without_fields(folder):
    return config(folder, "def get_config():\n    return 3\n")


@hostile("config", "refused")
def config_that_is_no_text(folder):
    return files.write(folder / "config.py", bytes(range(256)))


def main():
    """Open every input and print a table of memory and time."""
    from tests.support.judge import Judge

    judge = Judge()
    print(
        "| input | size | added | time | what happens |\n|---|---|---|---|---|"
    )
    for name, (kind, _, _, make) in HOSTILE.items():
        if not any(word in name for word in sys.argv[1:] or [""]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = make(pathlib.Path(folder))
            told = judge.open(kind, path)
            print(
                f"| {name} | {size(path)} | {told['mib']:,} MiB | "
                f"{told['seconds']:.1f} s | {told['outcome']} |",
                flush=True,
            )
    judge.close()


def size(path):
    """The bytes of a file, or of all files of a folder, in words."""
    paths = path.rglob("*") if path.is_dir() else [path]
    number = sum(one.lstat().st_size for one in paths if one.is_file())
    return (
        f"{number / 1000:,.1f} kB"
        if number < 10**6
        else f"{number / 10**6:,.1f} MB"
    )


if __name__ == "__main__":
    main()
