"""Equal arguments have equal fingerprints, in any process."""

import functools
import json
import pathlib
import platform
import types

import keras
import numpy as np
import tensorflow as tf

from tests.support import tiny
from tfdcu.data import open_source
from tfdcu.workdir.fingerprint import fingerprint_of
from tfdcu.workdir.fingerprint import versions


def augment(image, seed):
    return image


def test_versions_name_python_and_every_package():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["keras"] == keras.__version__
    assert found["tensorflow"] == tf.__version__
    assert found["numpy"] == np.__version__
    assert all(isinstance(value, str) for value in found.values())


def test_plain_values_are_unchanged():
    for value in (None, True, 3, 0.5, "folder:photos"):
        assert fingerprint_of(value) is value
    assert fingerprint_of(np.float32(0.5)) == 0.5
    assert fingerprint_of((1, (2, "a"))) == [1, [2, "a"]]
    assert fingerprint_of({"a": (1, 2), "b": {}}) == {"a": [1, 2], "b": {}}
    assert fingerprint_of(pathlib.Path("runs/x")) == "runs/x"


def test_arrays_are_hashed():
    images = tiny.images()
    assert fingerprint_of(images) == fingerprint_of(images.copy())
    assert fingerprint_of(images) == fingerprint_of(np.asfortranarray(images))
    assert fingerprint_of(images) == fingerprint_of(tf.constant(images))
    changed = images.copy()
    changed[-1, -1, -1, -1] += 1e-6
    assert fingerprint_of(images) != fingerprint_of(changed)
    assert fingerprint_of(images) != fingerprint_of(
        images.reshape(-1, 4, 16, 1)
    )
    assert fingerprint_of(images) != fingerprint_of(images.view("int32"))


def test_fingerprints_are_equal_in_two_processes():
    things = [
        augment,
        lambda image, seed: image,
        functools.partial(augment, seed=1),
        keras.losses.KLDivergence(),
        keras.optimizers.schedules.CosineDecay(0.1, 10),
        tf.data.Dataset.range(3),
        tiny.plain_net(),
        open_source(tiny.images(), labeled=False),
        object(),
    ]
    for thing in things:
        text = json.dumps(fingerprint_of(thing))
        assert " at 0x" not in text, text
    assert "augment" in fingerprint_of(augment)


def test_keras_objects_are_described_by_their_config():
    decay = keras.optimizers.schedules.CosineDecay
    assert fingerprint_of(decay(0.1, 10)) == fingerprint_of(decay(0.1, 10))
    assert fingerprint_of(decay(0.1, 10)) != fingerprint_of(decay(0.2, 10))
    assert set(fingerprint_of(keras.losses.KLDivergence())) == {"KLDivergence"}


def test_datasets_are_described_by_their_elements():
    one = tf.data.Dataset.from_tensor_slices(tiny.images())
    two = tf.data.Dataset.from_tensor_slices(tiny.images(size=6))
    assert fingerprint_of(one) != fingerprint_of(two)


def test_functions_are_described_by_name_and_source_file():
    assert fingerprint_of(augment) == "augment in test_fingerprint.py"
    every = [augment, tiny.images, tiny.labels, lambda image, seed: image]
    assert len({fingerprint_of(one) for one in every}) == len(every)


def test_a_function_moved_to_another_folder_is_the_same():
    code = augment.__code__
    moved = code.replace(co_filename=f"/elsewhere/{code.co_filename}")
    assert fingerprint_of(types.FunctionType(moved, {})) == fingerprint_of(
        augment
    )
