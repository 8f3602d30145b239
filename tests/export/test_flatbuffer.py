"""Facts read from a file match the model."""

import warnings

import keras
import numpy as np
import pytest

from tests.export.test_artifact import sparse_net
from tests.support import tiny
from tfdcu.export import export_litert
from tfdcu.export import inspect_litert


def test_facts_of_the_residual_net(paths):
    for name, path in paths.items():
        facts = inspect_litert(path)
        assert facts["format"] == name
        assert facts["custom"] == []
        assert (facts["float_operators"] == []) is (name == "int8")
        assert facts["operators"]["CONV_2D"] == 6
        assert facts["operators"]["FULLY_CONNECTED"] == 1
        assert facts["channels"][-1] == 4
        assert sorted(facts["channels"][:-1]) == [16, 16, 16, 32, 32, 32]
        size = facts["weight_bytes"] + facts["structure_bytes"]
        assert size == path.stat().st_size
        assert facts["zero_share"] < 0.05
        assert facts["sparse_tensors"] == 0


def test_weight_bytes_follow_the_format(model, paths):
    # BatchNorm is folded into the convolutions: kernels and one bias each.
    kernels = sum(
        layer.kernel.numpy().size
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
    biases = sum(inspect_litert(paths["float32"])["channels"])
    weights = {
        name: inspect_litert(path)["weight_bytes"]
        for name, path in paths.items()
    }
    # MEAN holds its two axes besides.
    assert weights["float32"] == 4 * (kernels + biases) + 8
    assert weights["float16"] == 2 * (kernels + biases) + 8
    assert weights["int8"] == kernels + 4 * biases + 8


def test_macs_by_hand(paths):
    facts = inspect_litert(paths["float32"])
    kernel = 9 * 16 * 16
    stem, block1 = 64 * 9 * 3 * 16, 2 * 64 * kernel
    block2 = 16 * 9 * 16 * 32 + 16 * 9 * 32 * 32 + 16 * 16 * 32
    assert facts["macs"]["CONV_2D"] == stem + block1 + block2
    assert facts["macs"]["FULLY_CONNECTED"] == 32 * 4


def test_depthwise_macs_by_hand(images, tmp_path):
    path = export_litert(
        tiny.depthwise_net(), tmp_path / "a.tflite", images=images
    )
    facts = inspect_litert(path)
    assert facts["macs"]["DEPTHWISE_CONV_2D"] == 4 * 4 * 16 * 9
    assert facts["macs"]["CONV_2D"] == 16 * (9 * 3 * 16 + 16 * 32)


@pytest.mark.parametrize("quantization", [None, "float16", "int8"])
def test_zero_share_by_hand(quantization, images, tmp_path):
    model = sparse_net()
    path = export_litert(model, tmp_path / "a.tflite", quantization, images)
    kernels = [
        layer.kernel.numpy().ravel()
        for layer in model.layers
        if hasattr(layer, "kernel")
    ]
    zeros = np.mean(np.concatenate(kernels) == 0)
    # int8 rounds a few more weights to zero.
    assert 0 <= inspect_litert(path)["zero_share"] - zeros < 0.02


@pytest.mark.parametrize("name", ["dynamic", "int8", "weight8"])
def test_rows_of_a_table_do_not_make_a_file_one_of_integers(name, tmp_path):
    inputs = keras.Input((12,), dtype="int32")
    x = keras.layers.Embedding(50, 32)(inputs)
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, keras.layers.Dense(32)(x))
    ids = np.random.default_rng(0).integers(0, 50, (100, 12)).astype("int32")
    path = tmp_path / "a.tflite"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_litert(model, path, name, ids, images=ids)
    assert inspect_litert(path)["format"] == name


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match="cannot be found"):
        inspect_litert(tmp_path / "none.tflite")


def test_not_a_litert_file(tmp_path):
    (tmp_path / "a").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match="Expected: a flatbuffer"):
        inspect_litert(tmp_path / "a")


def test_damaged_file(paths, tmp_path):
    content = paths["float32"].read_bytes()
    (tmp_path / "a").write_bytes(content[:100])
    with pytest.raises(ValueError, match="damaged"):
        inspect_litert(tmp_path / "a")
