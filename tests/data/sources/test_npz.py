import io
import zipfile

import numpy as np
import pytest

from tests.support import tiny
from tfdcu import data
from tfdcu.data.sources import source as source_lib


@pytest.fixture
def arrays():
    images = np.random.default_rng(0).integers(0, 256, (9, 6, 5, 3), "uint8")
    return images, tiny.labels(9)


def test_keys_and_splits(tmp_path, arrays):
    images, labels = arrays
    path = tmp_path / "a.npz"
    for keys, split in (
        (("images", "labels"), None),
        (("x", "y"), None),
        (("arr_0", "arr_1"), None),
        (("x_test", "y_test"), "test"),
        (("test_images", "test_labels"), "test"),
    ):
        np.savez(path, **dict(zip(keys, arrays, strict=True)), other=[1])
        source = data.open_source(f"npz:{path}", split=split)
        np.testing.assert_array_equal(source.labels(), labels)
        np.testing.assert_allclose(
            data.images_of(source), images / 255, rtol=1e-6
        )
    with pytest.raises(ValueError, match="no such array.*test_images"):
        data.open_source(f"npz:{path}")


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_a_large_file_is_streamed_with_the_same_result(
    tmp_path, arrays, monkeypatch, dtype
):
    images, labels = arrays
    images = images / np.float32(255) if dtype == "float32" else images
    images = images.astype(dtype)
    path = tmp_path / "a.npz"
    np.savez(path, before=np.arange(7), x=images, y=labels, z=np.arange(5))
    small = data.open_source(f"npz:{path}", image_shape=(5, 5, 1))
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", 0)
    large = data.open_source(f"npz:{path}", image_shape=(5, 5, 1))
    assert small.lookup is not None and large.lookup is None
    np.testing.assert_array_equal(data.images_of(large), data.images_of(small))
    np.testing.assert_array_equal(large.labels(), labels)
    np.savez_compressed(path, x=images, y=labels)
    squeezed = data.open_source(f"npz:{path}", image_shape=(5, 5, 1))
    np.testing.assert_array_equal(
        data.images_of(squeezed), data.images_of(small)
    )


@pytest.mark.parametrize("name", ["x", "x.npy"])
def test_arrays_that_cannot_be_streamed_are_loaded(tmp_path, monkeypatch, name):
    images = np.arange(64, dtype="uint32").reshape(1, 8, 8)
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open(name, "w") as file:
        np.save(file, images)
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", 0)
    source = data.open_source(f"npz:{path}", labeled=False)
    np.testing.assert_allclose(
        data.images_of(source)[..., 0], images / 255, rtol=1e-6
    )


def test_a_large_file_is_checked_too(tmp_path, monkeypatch):
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", 0)
    images = tiny.images()
    images[5] = np.nan
    np.savez(tmp_path / "a.npz", images=images)
    with pytest.raises(ValueError, match="NaN.*index 5"):
        data.open_source(f"npz:{tmp_path}/a.npz", labeled=False)


def test_invalid_files(tmp_path):
    with pytest.raises(ValueError, match="cannot be read.*nowhere"):
        data.open_source(f"npz:{tmp_path}/nowhere.npz")
    for content in (b"", b"no archive", b"PK\x03\x04 cut off"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read"):
            data.open_source(f"npz:{tmp_path}/a.npz")
    np.savez(tmp_path / "a.npz", images=5)
    with pytest.raises(ValueError, match="Invalid shape"):
        data.open_source(f"npz:{tmp_path}/a.npz", labeled=False)
    np.save(tmp_path / "a.npy", tiny.images())
    with pytest.raises(ValueError, match="cannot be read"):
        data.open_source(f"npz:{tmp_path}/a.npy")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match="pickled objects are refused"):
        data.open_source(f"npz:{tmp_path}/a.npz", labeled=False)


def test_a_damaged_array(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=tiny.images())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match="'images'.*cannot be read"):
        data.open_source(f"npz:{path}", labeled=False)


def header_of(shape):
    """The bytes of an .npy file that ends after its header."""
    file = io.BytesIO()
    facts = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, facts)
    return file.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "(" * 999, "'" * 9, "\0", "1", "[" * 9999, "{'descr': 'a'}"),
        "{'descr': '|u1', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '|zz', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': ('a',)}",
        f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**30},)}}",
    ],
)
def test_a_header_that_says_nothing_is_refused(tmp_path, text):
    content = b"\x93NUMPY\x02\0" + len(text).to_bytes(4, "little")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", content + text.encode())
    with pytest.raises(ValueError, match="images.*Expected.*Received"):
        data.open_source(f"npz:{tmp_path}/a.npz", labeled=False)


def test_an_archive_that_asks_for_a_password_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 4, 3), "uint8"))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="Expected.*Received.*password"):
        data.open_source(f"npz:{tmp_path}/a.npz", labeled=False)


@pytest.mark.parametrize("content", [b"", b"not an archive\n", b"PK\x03\x04"])
def test_what_is_no_archive_is_said_without_pickle(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="Expected: an .npz") as error:
        data.open_source(f"npz:{tmp_path}/a.npz")
    assert "pickle" not in str(error.value)


@pytest.mark.parametrize("key", ["images", "labels"])
def test_a_header_of_more_than_the_file_holds_is_refused(tmp_path, key):
    np.savez(tmp_path / "b.npz", **{"images": np.zeros((2, 4, 4, 3), "uint8")})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        good = {"images": (2, 4, 4, 3), "labels": (2,)}
        for name, shape in good.items():
            content = header_of(shape) + bytes(int(np.prod(shape)))
            if name == key:
                content = header_of((10**12, *shape[1:]))
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(ValueError, match=f"{key}.*header.*Expected.*Received"):
        data.open_source(f"npz:{tmp_path}/a.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", 2**16)
    path, labels = tmp_path / "a.npz", tiny.labels(100)
    zeros = np.zeros((100, 32, 32, 3), "uint8")
    np.savez_compressed(path, images=zeros, labels=labels)
    with pytest.raises(ValueError, match="more than 100 times.*Expected"):
        data.open_source(f"npz:{path}")
    noise = np.random.default_rng(0).integers(0, 256, zeros.shape, "uint8")
    np.savez_compressed(path, images=noise, labels=labels)
    assert data.open_source(f"npz:{path}").num_images == 100
