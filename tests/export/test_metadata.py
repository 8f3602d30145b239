"""Metadata is added to a file that stays what it was."""

import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.export.conftest import CLASSES
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export import inspect_litert
from tfdcu.export.metadata import NAME
from tfdcu.export.metadata import add_metadata
from tfdcu.export.metadata import labels_text


def blocks(content):
    """Metadata of a file: dict from name to bytes."""
    model = schema.Model.GetRootAsModel(content, 0)
    found = {}
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        data = model.Buffers(entry.Buffer()).DataAsNumpy()
        found[entry.Name().decode()] = data.tobytes()
    return found


def places(content):
    """Where each constant lies, from a multiple of 16 bytes on."""
    model = schema.Model.GetRootAsModel(content, 0)
    tables = [model.Buffers(i)._tab for i in range(model.BuffersLength())]
    return [t.Vector(t.Offset(4)) % 16 for t in tables if t.Offset(4)]


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_nothing_but_metadata_is_added(kind, model, images, paths, tmp_path):
    content = paths[kind].read_bytes()
    again = add_metadata(content, "n", (8, 8, 3), (-1, 1), "logits")
    before, after = blocks(content), blocks(again)
    assert set(before) == set(after)
    assert {k for k in before if before[k] != after[k]} <= {NAME}
    assert places(again)[: len(places(content))] == places(content)
    (tmp_path / "a.tflite").write_bytes(again)
    np.testing.assert_array_equal(
        LiteRTModel(tmp_path / "a.tflite")(images),
        LiteRTModel(paths[kind])(images),
    )


def test_labels_are_a_zip_at_the_end(paths):
    with zipfile.ZipFile(paths["int8"]) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt") == b"ant\nbee\ncat\ndog\n"
    # MediaPipe maps it into memory, packed it cannot.
    assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED


def test_a_name_is_one_line():
    assert labels_text(["a\nb", 7, "é  x", "\x1bc"]) == "a b\n7\né x\nc\n"


@pytest.mark.parametrize(
    ("value_range", "mean", "std"),
    [((0, 1), 0, 255), ((-1, 1), 127.5, 127.5), ((0, 255), 0, 1)],
)
def test_mean_and_std_take_bytes_to_the_value_range(
    value_range, mean, std, paths
):
    content = paths["float32"].read_bytes()
    named = add_metadata(content, "n", (8, 8, 3), value_range, "logits")
    bare = add_metadata(content, "n", (8, 8, 3), (0, 1), "logits")
    block = blocks(named)[NAME]
    assert block[4:8] == b"M001"
    wanted = np.float32([mean]).tobytes(), np.float32([std]).tobytes()
    one = np.int32([1]).tobytes()
    for number in wanted:
        assert one + number in block
    assert (block == blocks(bare)[NAME]) is (value_range == (0, 1))


def test_equal_models_have_equal_files(model, images, paths, tmp_path):
    for folder in ("one", "two"):
        export_litert(
            model,
            tmp_path / folder / "student_int8.tflite",
            "int8",
            images,
            classes=CLASSES,
        )
    contents = [p.read_bytes() for p in tmp_path.rglob("*.tflite")]
    assert contents[0] == contents[1] == paths["int8"].read_bytes()


def test_it_takes_less_than_a_kilobyte(model, images, paths):
    assert NAME in inspect_litert(paths["float32"])["metadata"]
    size = len(blocks(paths["float32"].read_bytes())[NAME])
    assert size < 600
