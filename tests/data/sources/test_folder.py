import json
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.support import files
from tfdcu import data
from tfdcu.data.sources import folder_scan


def opened(root, labeled=False, shape=(12, 16, 3)):
    return data.open_source(
        f"folder:{root}", labeled=labeled, image_shape=shape
    )


def test_every_format_is_decoded(tmp_path):
    image = files.ramp()
    gray = image[..., 0]
    palette = Image.fromarray(image).quantize(64)
    expected = {
        "a.bmp": (files.encoded(image, "BMP"), image),
        "b.bmp": (files.encoded(palette, "BMP"), palette.convert("RGB")),
        "c.bmp": (
            files.encoded(Image.fromarray(gray).convert("1"), "BMP"),
            Image.fromarray(gray).convert("1").convert("RGB"),
        ),
        "d.gif": (files.encoded(palette, "GIF"), palette.convert("RGB")),
        "e.png": (files.encoded(image, "PNG"), image),
        "f.png": (files.encoded(palette, "PNG"), palette.convert("RGB")),
        "g.png": (
            files.encoded(gray.astype("uint16") * 257, "PNG"),
            np.stack([gray] * 3, -1),
        ),
        "h.webp": (files.encoded(image, "WEBP", lossless=True), image),
    }
    for name, (encoded, _) in expected.items():
        files.write(tmp_path / name, encoded)
    source = opened(tmp_path)
    assert source.num_images == len(expected) and source.skipped == ()
    received = data.images_of(source)
    for one, (name, (_, pixels)) in zip(
        received, expected.items(), strict=True
    ):
        np.testing.assert_allclose(
            one, np.asarray(pixels) / 255.0, atol=1e-6, err_msg=name
        )


def test_jpeg_is_close_to_its_pixels(tmp_path):
    image = files.ramp(24, 32)
    for mode in ("RGB", "L", "CMYK"):
        one = Image.fromarray(image).convert(mode)
        files.write(
            tmp_path / f"{mode}.jpg", files.encoded(one, "JPEG", quality=95)
        )
    color, cmyk, gray = np.split(
        data.images_of(opened(tmp_path, shape=(24, 32, 3)))[[2, 0, 1]], 3
    )
    np.testing.assert_allclose(color[0], image / 255, atol=0.08)
    np.testing.assert_allclose(cmyk[0], image / 255, atol=0.08)
    np.testing.assert_array_equal(gray[..., 0], gray[..., 2])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_transparent_color_is_blended_with_white(tmp_path, mode):
    image = Image.fromarray(np.full((4, 4, 3), 80, "uint8")).convert(mode)
    image.paste(0, (0, 0, 2, 4))
    clear = 0 if mode == "L" else (0, 0, 0)
    content = files.encoded(image, "PNG", transparency=clear)
    files.write(tmp_path / "a.png", content)
    received = data.images_of(opened(tmp_path, shape=(4, 4, 3)))[0]
    np.testing.assert_array_equal(received[:, :2], np.ones((4, 2, 3)))
    np.testing.assert_allclose(received[:, 2:], 80 / 255, rtol=1e-6)


def test_exif_orientation_is_applied(tmp_path):
    image = files.ramp(24, 32)
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = np.rot90(image)
    files.write(
        tmp_path / "a.jpg",
        files.encoded(lying, "JPEG", quality=95, exif=exif),
    )
    received = data.images_of(opened(tmp_path, shape=(24, 32, 3)))[0]
    np.testing.assert_allclose(received, image / 255, atol=0.08)


def test_unreadable_files_are_skipped_and_listed(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), "uint8")
    frames = [Image.fromarray(image), Image.fromarray(255 - image)]
    animated = {"save_all": True, "append_images": frames[1:]}
    for name, encoded, _ in (
        whole := [
            ("deep/er/ok.jpg", files.encoded(image, "JPEG"), None),
            ("ok.png", files.encoded(image, "PNG"), None),
        ]
    ) + (
        broken := [
            ("cut.bmp", files.encoded(image, "BMP")[:900], "damaged"),
            ("cut.gif", files.encoded(image, "GIF")[:-200], "damaged"),
            ("cut.jpg", files.encoded(image, "JPEG")[:-300], "damaged"),
            ("cut.png", files.encoded(image, "PNG")[:-300], "damaged"),
            ("cut.webp", files.encoded(image, "WEBP")[:-100], "damaged"),
            ("empty.png", b"", "empty file"),
            ("film.gif", files.encoded(frames[0], "GIF", **animated), "anim"),
            ("film.png", files.encoded(frames[0], "PNG", **animated), "anim"),
            ("film.webp", files.encoded(frames[0], "WEBP", **animated), "anim"),
            ("notes.txt", b"no image at all", "not an image"),
            ("scan.tif", files.encoded(image, "TIFF"), "TIFF is not"),
        ]
    ):
        files.write(tmp_path / name, encoded)
    files.write(tmp_path / ".hidden" / "x.png", b"ignored")
    source = opened(tmp_path, shape=(32, 32, 3))
    assert source.num_images == len(whole)
    assert [one["file"] for one in source.skipped] == [b[0] for b in broken]
    for one, (name, _, reason) in zip(source.skipped, broken, strict=True):
        assert reason in one["reason"], name
    # All of it can be trained on.
    batches = data.training_batches(None, source, batch_size=2, epochs=2)
    assert len(list(batches)) == 2


def test_classes_are_the_sorted_subfolders(tmp_path):
    files.class_folder(tmp_path, ("bee", "ant"), num=2)
    files.write(tmp_path / "loose.png", files.encoded(files.ramp(), "PNG"))
    nested = np.full((8, 8, 3), 255, "uint8")
    files.write(tmp_path / "ant/more/9.png", files.encoded(nested, "PNG"))
    source = opened(tmp_path, labeled=True, shape=(8, 8, 3))
    assert source.classes == ("ant", "bee")
    assert source.labels().tolist() == [0, 0, 0, 1, 1]
    assert data.images_of(source)[2].min() == 1
    assert source.skipped == (
        {"file": "loose.png", "reason": "not in a class folder"},
    )


def test_links_out_of_the_folder_are_skipped(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    files.class_folder(inside, ("ant",), num=1)
    files.class_folder(outside, ("bee",), num=1)
    (inside / "a.png").symlink_to(inside / "ant" / "0.png")
    (inside / "b.png").symlink_to(outside / "bee" / "0.png")
    (inside / "c").symlink_to(outside)
    (inside / "d").symlink_to(inside)
    source = opened(inside, shape=(8, 8, 3))
    assert source.num_images == 2
    assert [one["file"] for one in source.skipped] == ["b.png", "c", "d"]
    assert all("symbolic link" in one["reason"] for one in source.skipped)


def test_a_large_folder_shows_progress(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(folder_scan, "NUM_FILES_WITH_BAR", 4)
    files.class_folder(tmp_path, num=2)
    opened(tmp_path)
    assert "4/4" in capsys.readouterr().out


def test_missing_empty_and_unreadable_folders(tmp_path):
    with pytest.raises(ValueError, match="does not exist.*nowhere"):
        opened(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no readable images.*0 files"):
        opened(tmp_path)
    files.write(tmp_path / "a" / "a.png", b"")
    with pytest.raises(ValueError, match="1 files that were.*a.png: empty"):
        opened(tmp_path)
    with pytest.raises(ValueError, match="no readable images"):
        opened(tmp_path, labeled=True)
    with pytest.raises(ValueError, match="any size.*image_shape"):
        opened(tmp_path, shape=None)


def test_names_with_odd_characters(tmp_path):
    name = "ü [1] *?.png"
    files.write(tmp_path / name, files.encoded(files.ramp(), "PNG"))
    assert data.images_of(opened(tmp_path)).shape == (1, 12, 16, 3)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 9])
def test_large_jpeg_files_are_close_to_full_decoding(
    tmp_path, factor, orientation
):
    image = np.kron(files.ramp(), np.ones((factor, factor, 1), "uint8"))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.rot90(image) if orientation == 6 else image
    options = {"quality": 95, "subsampling": 0, "exif": exif}
    files.write(tmp_path / "a.jpg", files.encoded(stored, "JPEG", **options))
    received = data.images_of(opened(tmp_path))[0]
    np.testing.assert_allclose(received, files.ramp() / 255, atol=0.06)


def test_a_large_photo_is_not_shifted(tmp_path):
    # Eight times as large and a part more, which rounds away when it is shrunk.
    ramp = np.linspace(0, 255, 139)[:, None, None] * np.ones((1, 187, 3))
    image = np.uint8(ramp)
    options = {"quality": 95, "subsampling": 0}
    files.write(tmp_path / "a.jpg", files.encoded(image, "JPEG", **options))
    files.write(tmp_path / "b.png", files.encoded(image, "PNG"))
    received, expected = data.images_of(opened(tmp_path, shape=(16, 16, 3)))
    np.testing.assert_allclose(received, expected, atol=0.01)


def test_a_rotated_photo_is_not_shrunk_below_the_target_size(tmp_path):
    stripes = np.zeros((32, 24, 3), "uint8")
    stripes[:, ::3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"quality": 95, "subsampling": 0, "exif": exif}
    lying = files.encoded(np.rot90(stripes), "JPEG", **options)
    files.write(tmp_path / "a.jpg", lying)
    files.write(tmp_path / "b.png", files.encoded(stripes, "PNG"))
    received, expected = data.images_of(opened(tmp_path))
    np.testing.assert_allclose(received, expected, atol=0.06)


def test_the_padding_byte_of_a_bitmap_is_not_alpha(tmp_path):
    image = files.ramp()
    height, width, _ = image.shape
    rows = np.zeros((height, width, 4), "uint8")
    rows[..., :3] = image[::-1, :, ::-1]
    header = struct.pack(
        "<2sIHHI" + "IiiHHIIiiII",
        *(b"BM", 54 + rows.size, 0, 0, 54),
        *(40, width, height, 1, 32, 0, rows.size, 0, 0, 0, 0),
    )
    files.write(tmp_path / "screen.bmp", header + rows.tobytes())
    received = data.images_of(opened(tmp_path))
    np.testing.assert_allclose(received[0], image / 255.0, atol=1e-6)


def test_extreme_aspect_ratios_are_skipped(tmp_path):
    strip = np.zeros((1, 200, 3), "uint8")
    files.write(tmp_path / "a.png", files.encoded(files.ramp(), "PNG"))
    files.write(tmp_path / "b.png", files.encoded(strip, "PNG"))
    files.write(tmp_path / "c.png", files.encoded(strip.swapaxes(0, 1), "PNG"))
    source = opened(tmp_path)
    assert source.num_images == 1
    assert source.skipped == (
        {"file": "b.png", "reason": "too long: 1 x 200"},
        {"file": "c.png", "reason": "too long: 200 x 1"},
    )
    assert opened(tmp_path, shape=(4, 64, 3)).num_images == 2


def test_file_names_may_not_be_utf_8(tmp_path):
    encoded = files.encoded(files.ramp(), "PNG")
    for name, content in ((b"caf\xe9.png", encoded), (b"caf\xe9.txt", b"x")):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(content)
    source = opened(tmp_path)
    assert data.images_of(source).shape[0] == 1
    (skipped,) = source.skipped
    assert skipped["file"] == "caf\N{REPLACEMENT CHARACTER}.txt"
    assert json.dumps(skipped, ensure_ascii=False).encode()


def test_class_names_may_not_be_utf_8(tmp_path):
    for name in (b"caf\xe9", b"caf\xe8", b"bar"):
        folder = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(folder)
        with open(os.path.join(folder, b"a.png"), "wb") as file:
            file.write(files.encoded(files.ramp(), "PNG"))
    source = opened(tmp_path, labeled=True)
    assert source.classes == ("bar", "caf\\xe8", "caf\\xe9")
    assert source.labels().tolist() == [0, 1, 2]


def png_of_zeros(side):
    """A PNG file of one bit a pixel, all of them black."""
    size = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(2 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    parts = (b"IHDR", size), (b"IDAT", data), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def test_an_image_that_unpacks_to_gigabytes_is_skipped(tmp_path):
    files.write(tmp_path / "bomb.png", png_of_zeros(13_000))
    files.write(tmp_path / "small.png", png_of_zeros(9))
    source = data.open_source(
        f"folder:{tmp_path}", labeled=False, image_shape=(8, 8, 3)
    )
    assert source.num_images == 1
    assert source.skipped == (
        {"file": "bomb.png", "reason": "too large: 13000 x 13000"},
    )
