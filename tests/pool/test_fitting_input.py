"""A teacher that is given other pixels than it was trained on is noticed."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from tfdcu.data import open_source
from tfdcu.models import with_preprocessing
from tfdcu.pool.fitting_input import better_input
from tfdcu.pool.fitting_input import clearly_more


def brightness_network(scale=1.0, offset=0.0, weights=(1.0, 0.0, 0.0)):
    """Class 1 if a weighted sum of the channels is above 0.5 of its range."""
    images = keras.Input((2, 2, 3))
    x = layers.Conv2D(1, 1, use_bias=False, name="sum")(images)
    x = layers.Flatten()(layers.GlobalAveragePooling2D()(x))
    logits = layers.Dense(2, name="logits")(x)
    model = keras.Model(images, logits)
    kernel = np.reshape(weights, (1, 1, 3, 1)).astype("float32")
    model.get_layer("sum").set_weights([kernel])
    middle = 0.5 * scale + offset
    model.get_layer("logits").set_weights(
        [np.float32([[-1.0, 1.0]]), np.float32([middle, -middle])]
    )
    return model


@pytest.fixture(scope="module")
def labeled():
    generator = np.random.default_rng(0)
    images = generator.random((200, 2, 2, 3)).astype("float32")
    images[:, :, :, 0] = generator.random((200, 1, 1))
    return images, (images[:, 0, 0, 0] > 0.5).astype("int32")


def test_the_right_pixels_are_left_alone(labeled):
    source = open_source(labeled)
    assert better_input(brightness_network(), source) is None
    tf_network = brightness_network(2.0, -1.0)
    prepared = with_preprocessing(tf_network, "tf")
    assert better_input(prepared, source, "tf") is None
    assert better_input(tf_network, None) is None


@pytest.mark.parametrize(
    "network, expected",
    [
        ((2.0, -1.0), r"100 % with data.value_range=\(-1, 1\)"),
        ((255.0, 0.0), r"100 % with data.value_range=\(0, 255\)"),
        # BGR: red is the last channel of what the network sees.
        ((255.0, -123.68, (0, 0, 1)), "100 % with preprocess='caffe'"),
    ],
)
def test_the_setting_that_fits_is_named(labeled, network, expected):
    model = brightness_network(*network)
    sentence = better_input(model, open_source(labeled))
    assert re.search(expected, sentence), sentence


def test_a_wrong_preprocessing_is_taken_back(labeled):
    model = with_preprocessing(brightness_network(2.0, -1.0), "caffe")
    sentence = better_input(model, open_source(labeled), "caffe")
    assert "data.value_range=(-1, 1) and without `preprocess`" in sentence


def test_clearly_more_is_beyond_chance():
    own = np.array([True] * 60 + [False] * 40)
    other = own.copy()
    other[60:69] = True  # 9 more, none lost: exactly three deviations
    assert clearly_more(own, other)
    other[:1] = False
    assert not clearly_more(own, other)
    few = own[56:64]
    assert not clearly_more(few, np.ones_like(few))
