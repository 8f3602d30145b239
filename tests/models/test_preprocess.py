"""The preprocessing of a model becomes a part of it."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.models import with_preprocessing
from tfdcu.models.preprocess import affine_of


def small_network(*first):
    images = keras.Input((8, 8, 3))
    x = images
    for layer in first:
        x = layer(x)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(images, layers.Dense(3)(x))


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_equals_the_model_after_keras_own_preprocessing(mode):
    preprocess = keras.applications.imagenet_utils.preprocess_input
    model = small_network(layers.ZeroPadding2D())
    images = tiny.images(3, size=8, channels=3)
    before = [np.array(weight) for weight in model.get_weights()]
    joined = with_preprocessing(model, mode)
    expected = model(
        preprocess(255 * images, data_format="channels_last", mode=mode)
    )
    scale = np.abs(expected).max()
    np.testing.assert_allclose(joined(images), expected, atol=1e-5 * scale)
    for weight, same in zip(model.get_weights(), before):
        np.testing.assert_array_equal(weight, same)


def test_a_mean_and_a_deviation_are_those_of_each_channel(tmp_path):
    model = small_network()
    images = tiny.images(3, size=8, channels=3)
    mean, deviation = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    joined = with_preprocessing(model, (mean, deviation))
    joined.save(tmp_path / "joined.keras")
    expected = model((images - mean) / deviation)
    for same in (joined, keras.models.load_model(tmp_path / "joined.keras")):
        np.testing.assert_allclose(same(images), expected, atol=1e-5)
    scale, offset, swapped = affine_of((0.5, 0.25), 1)
    assert (scale, offset, swapped) == ([4.0], [-2.0], False)


def test_a_network_inside_is_prepared_too():
    inner = small_network(layers.ZeroPadding2D())
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, layers.Dense(2)(inner(images)))
    pixels = tiny.images(2, size=8, channels=3)
    joined = with_preprocessing(model, "caffe")
    preprocess = inspect.getmodule(keras.applications.ResNet50).preprocess_input
    expected = model(preprocess(255 * pixels))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(joined(pixels), expected, atol=1e-5 * scale)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("cafe", "Invalid value for `preprocess`.*'cafe'"),
        ((0.5, 0.0), "Invalid value for `preprocess`.*deviations above 0"),
        (([0.5, 0.5], 0.2), "one for each of the 3 channels"),
        ((0.5, np.nan), "Invalid value for `preprocess`"),
        (3, "Invalid value for `preprocess`"),
    ],
)
def test_a_wrong_value_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        with_preprocessing(small_network(), wrong)


def test_a_model_that_does_not_fit_is_refused():
    own = small_network(layers.Rescaling(2.0, -1.0, name="own"))
    with pytest.raises(ValueError, match="preprocessing of its own.*'own'"):
        with_preprocessing(own, "tf")
    images = keras.Input((8, 8, 3))
    conv = layers.Conv2D(2, 3, padding="same", name="conv")
    both = layers.Concatenate()([conv(images), images])
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(both))
    with pytest.raises(ValueError, match="cannot be reversed.*'caffe'"):
        with_preprocessing(keras.Model(images, outputs), "caffe")
    gray = keras.Input((8, 8, 1))
    outputs = layers.Dense(2)(layers.Flatten()(gray))
    with pytest.raises(ValueError, match="color images.*with 1"):
        with_preprocessing(keras.Model(gray, outputs), "torch")
