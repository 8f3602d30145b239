"""keras.applications get the pixel range that they expect."""

import inspect

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.models import build
from tfdcu.models.applications import application_names

QUICK = ["MobileNetV2", "MobileNetV3Small"]
SLOW = [
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
]


@pytest.mark.parametrize(
    "name",
    QUICK + [pytest.param(name, marks=pytest.mark.slow) for name in SLOW],
)
def test_same_function_as_keras_own_after_its_preprocessing(tmp_path, name):
    function = getattr(keras.applications, name)
    size = 96 if name in ("InceptionV3", "Xception") else 32
    theirs = function(
        weights=None,
        input_shape=(size, size, 3),
        classes=5,
        classifier_activation=None,
    )
    path = tmp_path / "some.weights.h5"
    theirs.save_weights(path)
    ours = build(
        name.lower(),
        num_classes=5,
        image_shape=(size, size, 3),
        weights=str(path),
    )
    images = tiny.images(3, size=size, channels=3)
    preprocess = inspect.getmodule(function).preprocess_input
    expected = theirs(preprocess(255 * images), training=False)
    received = ours(images, training=False)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5 * scale)


def test_width_is_the_mobilenets_alpha():
    net = build(
        "MobileNetV2", num_classes=3, image_shape=(32, 32, 3), width=0.35
    )
    assert net.count_params() < 500_000
    with pytest.raises(ValueError, match="only one width.*0.5"):
        build("DenseNet121", num_classes=3, image_shape=(32, 32, 3), width=0.5)


def test_gray_images_and_options():
    net = build(
        "MobileNetV3Small",
        num_classes=3,
        image_shape=(32, 32, 1),
        minimalistic=True,
        seed=0,
    )
    assert net(tiny.images(2, size=32), training=False).shape == (2, 3)
    with pytest.raises(ValueError, match="Unknown opt.*alpha.*include_topp"):
        build(
            "MobileNetV2",
            num_classes=3,
            image_shape=(32, 32, 3),
            include_topp=False,
        )


def test_names_are_keras_own():
    names = application_names()
    assert {"MobileNetV2", "EfficientNetB0", "VGG16"} <= set(names)
    assert all(callable(getattr(keras.applications, name)) for name in names)
