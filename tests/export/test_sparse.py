"""Sparse int8 files load, since their Dense weights are dense."""

import pytest

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
