"""int8 weights that become floats when a file is loaded."""

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export import inspect_litert
from tfdcu.export import runs_compiled
from tfdcu.export.weight8 import quantize_weights


def test_a_channel_has_127_steps_to_its_largest_weight():
    values = np.float32([[1.27, -0.634, 0.0], [0.0, 0.0, 0.0]])
    steps, scales = quantize_weights(values, axis=0)
    assert steps.tolist() == [[127, -63, 0], [0, 0, 0]]
    np.testing.assert_allclose(scales, [0.01, 1])
    values = np.random.default_rng(0).normal(size=(1, 3, 3, 8)).astype("f4")
    steps, scales = quantize_weights(values, axis=3)
    assert steps.dtype == "int8" and scales.shape == (8,)
    assert np.all(np.abs(steps * scales - values) <= scales / 2 + 1e-7)


@pytest.mark.parametrize("net", [tiny.residual_net, tiny.depthwise_net])
def test_it_is_small_and_nearly_exact(net, images, tmp_path):
    model = net(width=64)
    full, small = (
        export_litert(model, tmp_path / f"{kind}.tflite", kind, images)
        for kind in (None, "weight8")
    )
    assert small.stat().st_size < 0.45 * full.stat().st_size
    file = LiteRTModel(small)
    assert file.format == "weight8"
    facts = inspect_litert(small)
    assert facts["macs"] == inspect_litert(full)["macs"]
    expected = LiteRTModel(full)(images)
    error = np.abs(file(images) - expected).max() / np.abs(expected).max()
    assert 0 < error < 0.01
    # Its fast kernels unpack the weights themselves.
    assert runs_compiled([small]) == {small: ""}


def test_it_may_end_in_probabilities(model, images, tmp_path):
    path = export_litert(
        model,
        tmp_path / "a.tflite",
        "weight8",
        images,
        output="probabilities",
    )
    np.testing.assert_allclose(LiteRTModel(path)(images).sum(1), 1, atol=1e-5)


def test_not_with_the_sparse_encoding(model, images, tmp_path):
    with pytest.raises(ValueError, match="Received: sparse=True with weight8"):
        export_litert(
            model, tmp_path / "a.tflite", "weight8", images, sparse=True
        )
