"""Laws of folding: the same function of the same weights, fewer passes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests import tiny
from tfdcu.transfer.folding import folded


def called_norms(function, images, monkeypatch):
    """How many BatchNormalization layers a function calls."""
    called, call = [], layers.BatchNormalization.call

    def noted(layer, *args, **kwargs):
        called.append(layer.name)
        return call(layer, *args, **kwargs)

    monkeypatch.setattr(layers.BatchNormalization, "call", noted)
    function(images)
    return called


def tapped():
    """Outputs at a convolution, which then is not its norm's alone."""
    model = tiny.plain_net()
    return keras.Model(
        model.input,
        {
            "logits": model.output,
            "maps": [
                model.get_layer("conv1").output,
                model.get_layer("bn2").output,
            ],
        },
    )


def awkward():
    """Norms that cannot be folded, and a shared layer that can, twice."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="active")(inputs)
    x = layers.BatchNormalization(name="after_relu")(x)
    shared = layers.Conv2D(8, 1, groups=2, name="shared")
    first = layers.BatchNormalization(scale=False, name="unscaled")(shared(x))
    second = layers.BatchNormalization(center=False, name="uncentred")(
        shared(first)
    )
    x = layers.Add()([first, second])
    x = layers.BatchNormalization(axis=1, name="rows")(
        layers.Conv2D(8, 3, name="by_row")(x)
    )
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    x = layers.BatchNormalization(name="flat")(layers.Dense(6, name="wide")(x))
    return tiny.shake(keras.Model(inputs, layers.Dense(4)(x)))


@pytest.mark.parametrize(
    ("net", "left"),
    [
        (tiny.plain_net, []),
        (tiny.residual_net, []),
        (tiny.depthwise_net, ["depthwise_bn"]),
        (tapped, ["bn1"]),
    ],
)
def test_folding_changes_neither_values_nor_gradients(net, left, monkeypatch):
    model = net()
    images = tf.constant(tiny.images(6, channels=model.input_shape[-1]))
    weights = model.trainable_variables
    before = [weight.numpy() for weight in model.weights]
    with tf.GradientTape(persistent=True) as tape:
        expected = keras.tree.flatten(model(images, training=False))
        received = keras.tree.flatten(folded(model)(images))
        sums = [
            tf.add_n([tf.reduce_sum(tf.sin(part)) for part in parts])
            for parts in (expected, received)
        ]
    for first, second in zip(expected, received, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
    for first, second in zip(*(tape.gradient(s, weights) for s in sums)):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4)
    for first, second in zip(before, model.weights):
        np.testing.assert_array_equal(first, second)
    assert called_norms(folded(model), images, monkeypatch) == left


def test_what_cannot_be_folded_stays(monkeypatch):
    model = awkward()
    images = tf.constant(tiny.images(6, channels=3))
    np.testing.assert_allclose(
        folded(model)(images),
        model(images, training=False),
        rtol=1e-4,
        atol=1e-5,
    )
    left = called_norms(folded(model), images, monkeypatch)
    assert left == ["after_relu", "rows"]


def test_the_structure_of_outputs_is_the_models():
    model = tapped()
    images = tiny.images(2)
    received, expected = folded(model)(images), model(images)
    keras.tree.assert_same_structure(received, expected)


def test_mixed_precision_is_left_alone():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny.plain_net()
    finally:
        keras.config.set_dtype_policy("float32")
    images = tf.constant(tiny.images(4))
    np.testing.assert_array_equal(
        tf.cast(folded(model)(images), tf.float32),
        tf.cast(model(images, training=False), tf.float32),
    )
