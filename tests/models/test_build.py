"""Models by name, with reproducible weights."""

import random

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.models import build
from tfdcu.models.build import OURS


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_name_maps_images_to_logits(name):
    net = build(name.upper(), num_classes=5)
    assert net.output_shape == (None, 5)
    assert net.get_layer("logits").activation is keras.activations.linear
    assert net.input_shape[1:] == (
        (8, 8, 1) if name == "digits" else (32, 32, 3)
    )


def test_seed_determines_the_weights_and_not_the_global_state():
    random.seed(5)
    state = random.getstate()
    first, same = (build("digits", num_classes=10, seed=3) for _ in range(2))
    assert random.getstate() == state
    for a, b in zip(first.get_weights(), same.get_weights()):
        np.testing.assert_array_equal(a, b)
    for other in (build("digits", num_classes=10, seed=s) for s in (4, None)):
        a, b = (m.get_layer("block2_conv").kernel for m in (first, other))
        assert np.all(a.numpy() != b.numpy())


def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for name, shape in (("digits", None), ("MobileNetV2", (32, 32, 3))):
            net = build(name, num_classes=3, image_shape=shape)
            assert net.output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="'resnet57'.*nearest: .*resnet56"):
        build("resnet57", num_classes=10)
    with pytest.raises(ValueError, match="Expected: one of digits.*Xception"):
        build("nothing like it", num_classes=10)
    with pytest.raises(ValueError, match="nearest: MobileNetV2"):
        build("mobilenet-v2", num_classes=10)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes`.*0"),
        ({"num_classes": 2.5}, "`num_classes`.*2.5"),
        ({"width": 0}, "`width`.*0"),
        ({"image_shape": (8, 8)}, r"`image_shape`.*\(8, 8\)"),
        ({"weights": "imagenet"}, "no other options.*weights"),
        ({"name": "Xception"}, "need an `image_shape`.*'Xception'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    arguments = {"name": "digits", "num_classes": 10, **arguments}
    with pytest.raises(ValueError, match=message):
        build(**arguments)


def test_built_models_train():
    net = build("digits", num_classes=4, width=0.25, seed=0)
    net.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    images, labels = tiny.images(32), tiny.labels(32)
    losses = net.fit(images, labels, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
