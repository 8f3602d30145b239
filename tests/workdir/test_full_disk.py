"""A full disk is an error in three parts, never a crash."""

import errno

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.workdir.atomic import atomic_write
from tfdcu.workdir.full_disk import DiskFull
from tfdcu.workdir.full_disk import MemoryFile
from tfdcu.workdir.full_disk import is_full
from tfdcu.workdir.full_disk import save_array
from tfdcu.workdir.temporary import temporary_folder


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_keras_saves_to_memory_and_loads_what_it_saved(tmp_path, ending):
    model, other = tiny.plain_net(), tiny.plain_net(seed=1)
    model.compile(keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    file = MemoryFile(ending)
    if ending == ".keras":
        model.save(file)
        path = tmp_path / "model.keras"
        path.write_bytes(file.getbuffer())
        other = keras.models.load_model(path)
    else:
        model.save_weights(file)
        other.load_weights(MemoryFile(ending, file.getvalue()))
    tiny.assert_same_weights(tiny.weights(model), tiny.weights(other))


def test_arrays_are_those_of_numpy(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    save_array(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)


# What the system says, and what TensorFlow makes of it.
FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    tf.errors.ResourceExhaustedError(None, None, "a; No space left on device"),
]


@pytest.mark.parametrize("error", FULL)
def test_a_full_temporary_folder_is_named(error, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert is_full(error)
    with pytest.raises(DiskFull, match="temporary.*Expected.*TMPDIR") as raised:
        with temporary_folder():
            raise error
    assert raised.value.errno == errno.ENOSPC
    assert f"'{tmp_path}'" in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_the_folder_that_is_full_is_the_one_that_is_named(tmp_path):
    with pytest.raises(DiskFull, match="while '.*/a' was written"):
        with temporary_folder(), atomic_write(tmp_path / "a"):
            raise FULL[0]


def test_other_errors_are_passed_on():
    with pytest.raises(ValueError, match="mine"):
        with temporary_folder():
            raise ValueError("mine")
    with pytest.raises(FileNotFoundError):
        with temporary_folder() as folder:
            open(f"{folder}/missing")
