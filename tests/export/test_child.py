"""What dies in the child process is an error here."""

import errno
import os
import signal
import warnings

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.export import export_all
from tfdcu.export.child import call_in_child


def echo(array, text):
    warnings.warn("echoed", stacklevel=2)
    return array.tobytes() + text.encode()


def die(number):
    os.kill(os.getpid(), number)


def fail(kind):
    raise {
        "value": ValueError("bad. Expected: good."),
        "disk": OSError(errno.ENOSPC, "no space"),
        "other": LookupError("nothing"),
    }[kind]


def test_it_returns_bytes_and_passes_warnings_on():
    array = np.arange(6, dtype="float32")
    print("not an answer")
    with pytest.warns(UserWarning, match="echoed"):
        assert call_in_child(echo, array, "ä") == array.tobytes() + b"\xc3\xa4"


def test_errors_keep_their_kind_and_message():
    with pytest.raises(ValueError, match=r"bad\. Expected: good\."):
        call_in_child(fail, "value")
    with pytest.raises(OSError, match="no space") as error:
        call_in_child(fail, "disk")
    assert error.value.errno == errno.ENOSPC
    with pytest.raises(RuntimeError, match="nothing"):
        call_in_child(fail, "other")


def recurrent(layer):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 6, 1))
    x = layer(layers.Reshape((8, 6))(inputs))
    return keras.Model(inputs, layers.Dense(3)(x))


def test_an_unrolled_loop_is_converted(tmp_path):
    images = tiny.images(100, size=8)[:, :, :6]
    model = recurrent(layers.LSTM(6, unroll=True))
    files = export_all(model, tmp_path, images, formats=("int8",))
    assert files["int8"].exists()


def test_a_loop_is_refused_for_int8_alone_by_name(tmp_path):
    images = np.random.default_rng(0).random((100, 8, 6, 1), "float32")
    gru = layers.GRU(6, name="memory")
    failed = {}
    files = export_all(
        recurrent(layers.Bidirectional(gru)),
        tmp_path,
        images,
        images[:8],
        failed=failed,
        formats=("float32", "int8"),
    )
    assert list(files) == ["float32"] and list(failed) == ["int8"]
    assert "'forward_memory'" in failed["int8"]
    assert "unroll=True" in failed["int8"]
    assert "Received: its process ended with SIG" in failed["int8"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "student_float32.tflite",
        "student_float32.json",
    }
    # The next call has a process of its own.
    with pytest.raises(ChildProcessError, match="SIGKILL"):
        call_in_child(die, int(signal.SIGKILL))
