"""Laws of files in which equal parts are stored once."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export.shared_parts import share_equal_parts
from tfdcu.quantization import quantize_aware

IMAGES = tiny.images(100, channels=3)
FORMATS = "float32", "dynamic", "int8", "weight8", "int8_weight4"


@pytest.fixture(scope="module", params=FORMATS)
def pair(request, tmp_path_factory):
    """A file as the converter leaves it, and with its parts shared."""
    folder, net = tmp_path_factory.mktemp("pair"), tiny.residual_net()
    if request.param == "int8_weight4":
        net = quantize_aware(net, images=IMAGES, weight_bits=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tfdcu.export.convert.share_equal_parts", lambda content: content
        )
        # Not in a process of its own, which would import it anew.
        patch.setattr(
            "tfdcu.export.artifact.call_in_child", lambda f, *values: f(*values)
        )
        path = folder / "before.tflite"
        export_litert(net, path, request.param, IMAGES)
    content = path.read_bytes()
    after = folder / "after.tflite"
    after.write_bytes(share_equal_parts(content))
    return path, after, request.param


def parts(table):
    """The content of a table of the file, as nested dicts and lists."""
    if isinstance(table, list):
        return [parts(one) for one in table]
    if isinstance(table, np.ndarray):
        return table.tolist()
    if hasattr(table, "__dict__"):
        return {name: parts(value) for name, value in vars(table).items()}
    return table


def content_of(path):
    root = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    return parts(schema.ModelT.InitFromObj(root))


def test_the_content_is_the_same(pair):
    before, after, _ = pair
    assert content_of(before) == content_of(after)
    first, second = LiteRTModel(before), LiteRTModel(after)
    np.testing.assert_array_equal(first(IMAGES), second(IMAGES))


def test_the_zero_points_of_channels_are_there_once(pair):
    before, after, name = pair
    root = schema.Model.GetRootAsModel(before.read_bytes(), 0)
    points = [
        tensor.quantization.zeroPoint.tolist()
        for tensor in schema.ModelT.InitFromObj(root).subgraphs[0].tensors
        if tensor.quantization and tensor.quantization.zeroPoint is not None
    ]
    once = {tuple(values) for values in points}
    spare = 8 * (sum(map(len, points)) - sum(map(len, once)))
    assert spare > 0 or name == "float32"
    sizes = [path.stat().st_size for path in (before, after)]
    # Some bytes more where weights are aligned that were not.
    assert sizes[1] <= sizes[0] - spare + 64
    assert len(share_equal_parts(after.read_bytes())) == sizes[1]


def test_weights_are_aligned(pair):
    _, after, _ = pair
    content = after.read_bytes()
    model = schema.Model.GetRootAsModel(content, 0)
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.DataLength():
            table = buffer._tab
            assert table.Vector(table.Offset(4)) % 16 == 0
