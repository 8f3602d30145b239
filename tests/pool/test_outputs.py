"""Laws of a teacher's outputs and features."""

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.data import open_source
from tfdcu.pool import outputs


def test_the_penultimate_features_give_the_logits():
    net = tiny.plain_net()
    tap = outputs.output_function(
        net, features=(outputs.penultimate(net), outputs.mean_over_places)
    )
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


def test_features_of_a_last_convolution_are_means_over_places():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="last")(inputs)
    x = keras.layers.Conv2D(4, 1)(x)
    net = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    tensor = outputs.penultimate(net)
    assert tensor.shape == (None, 6, 6, 6)
    tap = outputs.output_function(
        net, features=(tensor, outputs.mean_over_places)
    )
    images = tiny.images(5)
    last = keras.Model(inputs, net.get_layer("last").output)
    expected = last.predict(images, verbose=0).mean((1, 2))
    np.testing.assert_allclose(tap(images)["features"], expected, atol=1e-6)


def test_where_the_last_layer_is_nested_logits_are_the_features():
    inputs = keras.Input((8, 8, 1))
    net = keras.Model(inputs, tiny.plain_net()(inputs))
    assert outputs.penultimate(net) is net.output
    tap = outputs.output_function(
        net, features=(outputs.penultimate(net), outputs.mean_over_places)
    )
    rows = tap(tiny.images(3))
    np.testing.assert_array_equal(rows["features"], rows["logits"])


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
