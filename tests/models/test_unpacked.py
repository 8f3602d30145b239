"""Model files that unpack to far more than their size are refused."""

import zipfile

import h5py
import pytest

from tests.support import tiny
from tfdcu.models import load
from tfdcu.models import unpacked


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    monkeypatch.setattr(unpacked, "LIMIT", 2**16)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_is_about_as_large_as_its_arrays(tmp_path, suffix):
    path, model = tmp_path / f"a{suffix}", tiny.plain_net()
    model.save(path)
    found = unpacked.unpacked_bytes(path)
    assert 4 * model.count_params() <= found <= path.stat().st_size
    load(path)


def add_zeros(path, **options):
    with h5py.File(path, "r+") as file:
        file.create_dataset("more", (2**12, 2**12), "uint8", **options)


def test_zeros_in_an_hdf5_file(tmp_path):
    path = tmp_path / "a.h5"
    tiny.plain_net().save(path)
    add_zeros(path, compression="gzip")
    with pytest.raises(ValueError, match="100 times.*Expected.*Received"):
        load(path)


def test_a_member_of_zeros(tmp_path):
    path = tmp_path / "a.keras"
    tiny.plain_net().save(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/more", bytes(2**24))
    with pytest.raises(ValueError, match="100 times.*Expected.*Received"):
        load(path)


def test_zeros_in_the_weights_of_an_archive(tmp_path):
    path, weights = tmp_path / "a.keras", tmp_path / "model.weights.h5"
    tiny.plain_net().save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    weights.write_bytes(parts[weights.name])
    add_zeros(weights, compression="gzip")
    parts[weights.name] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="100 times.*Expected.*Received"):
        load(path)
