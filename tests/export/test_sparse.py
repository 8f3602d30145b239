"""Sparse int8 files load, since their Dense weights are dense."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.export.test_artifact import sparse_net
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export import inspect_litert
from tfdcu.export.sparse import densify_fully_connected


def test_the_file_does_not_load_without_densifying(
    images, tmp_path, monkeypatch
):
    """When this fails, LiteRT has learned it and the repair can go."""
    monkeypatch.setattr(
        "tfdcu.export.convert.densify_fully_connected", lambda content: content
    )
    monkeypatch.setattr(
        "tfdcu.export.artifact.call_in_child", lambda f, *values: f(*values)
    )
    with pytest.raises(ValueError, match="delegate FULLY_CONNECTED"):
        export_litert(
            sparse_net(), tmp_path / "a.tflite", "int8", images, sparse=True
        )
    assert not list(tmp_path.iterdir())


def test_only_the_dense_layer_is_densified(images, tmp_path):
    path = export_litert(
        sparse_net(), tmp_path / "a.tflite", "int8", images, sparse=True
    )
    facts = inspect_litert(path)
    assert facts["sparse_tensors"] == facts["operators"]["DENSIFY"] == 1
    assert LiteRTModel(path).num_classes == 4


def test_files_without_sparse_weights_are_unchanged(paths):
    content = paths["int8"].read_bytes()
    assert densify_fully_connected(content) is content


def test_the_weights_in_a_loop_are_densified_too(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 8))
    outputs = layers.Dense(4)(layers.GRU(32)(inputs))
    model = keras.Model(inputs, outputs)
    for weight in model.trainable_weights:
        keep = np.random.default_rng(0).random(weight.shape) > 0.9
        weight.assign(weight * keep if len(weight.shape) > 1 else weight)
    signals = np.random.default_rng(0).normal(size=(5, 6, 8))
    signals = signals.astype("float32")
    path = export_litert(
        model, tmp_path / "a.tflite", images=signals, sparse=True
    )
    assert inspect_litert(path)["sparse_tensors"] == 3
    dense = tmp_path / "dense.tflite"
    dense.write_bytes(densify_fully_connected(path.read_bytes()))
    assert inspect_litert(dense)["sparse_tensors"] == 0
    found, expected = LiteRTModel(dense)(signals), LiteRTModel(path)(signals)
    np.testing.assert_allclose(found, expected, atol=1e-6)
