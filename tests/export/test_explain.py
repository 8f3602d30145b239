"""Explanations follow from the rows or the file."""

import pytest

from tests.export.test_artifact import sparse_net
from tests.support import tiny
from tfdcu.export import explain
from tfdcu.export import export_litert

TEACHER = {
    "name": "teacher",
    "format": "float32",
    "params": 1000,
    "macs": 1000,
    "bytes": 4000,
    "latency_ms": 1.0,
}
STUDENT = {
    "name": "student",
    "format": "int8",
    "params": 250,
    "macs": 250,
    "bytes": 300,
    "latency_ms": 0.2,
}


def sentences(path=None, **changes):
    return " ".join(explain(STUDENT | changes, TEACHER, path))


def test_nothing_to_explain():
    assert explain(STUDENT, TEACHER) == []


def test_unknown_numbers_are_not_explained():
    row = dict.fromkeys(STUDENT)
    assert explain(row, TEACHER) == []
    assert explain(STUDENT, dict.fromkeys(TEACHER)) == []


def test_not_smaller_and_not_faster():
    text = sentences(bytes=5000, latency_ms=2.0)
    assert "student (int8) is not smaller than the teacher (1.25 times)" in text
    assert "student (int8) is not faster than the teacher (2.00 times)" in text


def test_gain_far_below_the_expected_gain():
    # 4 times fewer weights in a format 4 times shorter, yet 2 times smaller.
    assert "2.0 times smaller" in sentences(bytes=2000)
    assert "suggest 16.0 times" in sentences(bytes=2000)
    assert "1.2 times faster" in sentences(latency_ms=0.8)
    assert "suggest 4.0 times" in sentences(latency_ms=0.8)


def test_as_many_weights_and_macs():
    text = sentences(
        format="float32", params=1000, bytes=4000, macs=1000, latency_ms=1.0
    )
    assert "no fewer weights" in text
    assert "as many multiply-accumulates" in text


def test_float16_is_not_faster():
    assert "unpacked" in sentences(format="float16", latency_ms=1.0)
    assert "unpacked" not in sentences(latency_ms=1.0)


def test_zeros_are_multiplied():
    zeros = {"nonzero_params": 50, "latency_ms": 1.0}
    assert "multiplied like all others" in sentences(**zeros)
    assert "multiplied like all others" not in sentences(latency_ms=1.0)


def test_zeros_stored_densely(images, tmp_path):
    model = sparse_net()
    for sparse in (False, True):
        path = export_litert(
            model, tmp_path / "a.tflite", images=images, sparse=sparse
        )
        text = sentences(path, bytes=4000)
        assert ("densely stored weights are zeros" in text) is not sparse


def test_structure_outweighs_weights(paths, images, tmp_path):
    text = sentences(paths["int8"], bytes=4000)
    assert "bytes are not weights" in text
    wide = tiny.plain_net(channels=3, width=64)
    path = export_litert(wide, tmp_path / "a.tflite", images=images)
    assert "bytes are not weights" not in sentences(path, bytes=4000)


def test_channels_off_the_multiple_of_eight(paths, images, tmp_path):
    model = tiny.plain_net(channels=3, width=12)
    path = export_litert(model, tmp_path / "a.tflite", images=images)
    text = sentences(path, latency_ms=1.0)
    # 12 and 24 channels: one of the two is off.
    assert "1 of its 2 convolutions" in text and "such as 12" in text
    assert "multiple of 8" not in sentences(paths["int8"], latency_ms=1.0)


def test_depthwise_and_dynamic(images, tmp_path):
    path = export_litert(
        tiny.depthwise_net(), tmp_path / "a.tflite", "dynamic", images=images
    )
    text = sentences(path, format="dynamic", latency_ms=1.0)
    assert "1 of its operators are depthwise" in text
    assert "ranges of the activations in every run" in text


def test_a_run_of_microseconds():
    assert "a few microseconds" in " ".join(
        explain(
            STUDENT | {"latency_ms": 0.003}, TEACHER | {"latency_ms": 0.003}
        )
    )


def test_not_a_litert_file(tmp_path):
    with pytest.raises(ValueError, match="cannot be found"):
        explain(STUDENT, TEACHER, tmp_path / "none.tflite")
