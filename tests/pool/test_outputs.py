"""Laws of a teacher's outputs and features."""

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.data import open_source
from tfdcu.pool import outputs


def test_rows_hold_logits_features_and_statistics():
    net = tiny.plain_net()
    pool = net.get_layer("pool").output
    tap = outputs.output_function(net, features=(pool, lambda rows: rows))
    rows = outputs.collect_outputs(
        tap, open_source(tiny.images(30), labeled=False)
    )
    assert rows["features"].shape == (30, 32)
    kernel, bias = net.get_layer("logits").get_weights()
    np.testing.assert_allclose(
        rows["features"] @ kernel + bias, rows["logits"], atol=1e-5
    )
    expected = net(tiny.images(30), training=False)
    np.testing.assert_allclose(rows["logits"], expected, atol=1e-5)
    assert set(rows) == {
        *("logits", "features", "spread", "correlation", "checksum"),
        *("level", "power"),
    }


def test_images_are_read_at_the_teachers_size_by_default():
    net = tiny.plain_net(size=6)
    images = tiny.images(4, size=12)
    shape = (12, 12, 1)
    options = {"labeled": False}
    assert outputs.opened(images, net, **options).image_shape == (6, 6, 1)
    told = outputs.opened(images, net, image_shape=shape, **options)
    assert told.image_shape == shape
    assert outputs.opened(told, net, **options) is told


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="layer='nowhere'"):
        outputs.check_layer(tiny.plain_net(), "nowhere")


def test_results_are_rounded_to_plain_types():
    found = {"a": np.float64(1 / 3), "b": [1 / 70, 2], "c": None, "d": "x"}
    expected = {"a": 0.3333, "b": [0.01429, 2], "c": None, "d": "x"}
    assert outputs.rounded(found) == expected
    assert type(outputs.rounded(found)["a"]) is float
