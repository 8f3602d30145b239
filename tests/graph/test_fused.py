"""`Forward` equals Keras in outputs, gradients and statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.graph.fused import Forward


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
    """A model with an output between convolution and normalization."""
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
    """Norms that cannot be folded, and a shared layer that can be, twice."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="active")(inputs)
    x = layers.BatchNormalization(name="after_relu")(x)
    shared = layers.Conv2D(8, 1, groups=2, name="shared")
    first = layers.BatchNormalization(scale=False, name="unscaled")(shared(x))
    second = layers.BatchNormalization(center=False, name="uncentered")(
        shared(first)
    )
    x = layers.Add()([first, second])
    x = layers.BatchNormalization(axis=1, name="rows")(
        layers.Conv2D(8, 3, name="by_row")(x)
    )
    x = layers.Dropout(0.5, seed=3)(layers.GlobalAveragePooling2D()(x))
    x = layers.BatchNormalization(name="flat")(layers.Dense(6, name="wide")(x))
    return tiny.shake(keras.Model(inputs, layers.Dense(4)(x)))


def compared(function, images, model):
    """Outputs, gradients of a sum of them, and the statistics afterwards."""
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(function(images))
        total = tf.add_n([tf.reduce_sum(tf.sin(part)) for part in outputs])
    gradients = tape.gradient(total, model.trainable_variables)
    moving = [v.numpy() for v in model.non_trainable_variables]
    return outputs, gradients, moving


def assert_like_keras(net, training, images):
    keras.utils.set_random_seed(0)
    own = net()
    keras_own = keras.models.clone_model(own)
    keras_own.set_weights(own.get_weights())
    received = compared(
        lambda x: Forward(own)(x, training=training), images, own
    )
    expected = compared(
        lambda x: keras_own(x, training=training), images, keras_own
    )
    for one, other in zip(received, expected):
        for first, second in zip(one, other, strict=True):
            np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4)
    kept = [v.numpy() for v in own.trainable_variables]
    for first, second in zip(kept, keras_own.trainable_variables):
        np.testing.assert_array_equal(first, second)


NETS = [tiny.plain_net, tiny.residual_net, tiny.depthwise_net, tapped, awkward]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("net", NETS)
def test_outputs_gradients_and_statistics_equal_keras(net, training):
    channels = net().input_shape[-1]
    images = tf.constant(tiny.images(6, channels=channels))
    assert_like_keras(net, training, images)


@pytest.mark.parametrize(
    ("net", "fused", "folded"),
    [
        (tiny.plain_net, [], []),
        (tiny.residual_net, [], []),
        (tiny.depthwise_net, [], ["depthwise_bn"]),
        (tapped, [], ["bn1"]),
        (awkward, ["rows", "flat"], ["after_relu", "rows"]),
    ],
)
def test_supported_norms_are_fused_or_folded(net, fused, folded, monkeypatch):
    model = net()
    images = tf.constant(tiny.images(6, channels=model.input_shape[-1]))
    forward = Forward(model)
    for training, left in ((True, fused), (False, folded)):
        called = called_norms(
            lambda x: forward(x, training=training), images, monkeypatch
        )
        assert called == left


def test_batchnorm_of_a_single_pixel_equals_keras():
    def net():
        inputs = keras.Input((1, 1, 3))
        x = layers.BatchNormalization()(layers.Conv2D(4, 1)(inputs))
        return tiny.shake(keras.Model(inputs, layers.Flatten()(x)))

    assert_like_keras(net, True, tf.constant(tiny.images(1, 1, 3)))


@keras.saving.register_keras_serializable("tests")
class Hidden(layers.Layer):
    """Has layers inside, and no `training` argument of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = layers.Dropout(0.9, seed=1)

    def call(self, x):
        return self.dropout(x)


def test_training_argument_reaches_inner_layers():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, Hidden()(layers.Identity()(inputs)))
    images = tf.ones((2, 8, 8, 3))
    assert 0.7 < np.mean(Forward(model)(images, training=True) == 0.0) < 1.0
    np.testing.assert_array_equal(Forward(model)(images), images)


def test_training_argument_of_the_pass_wins_as_in_keras():
    def net():
        inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3)(inputs)
        x = layers.BatchNormalization()(x, training=False)
        return tiny.shake(keras.Model(inputs, layers.Flatten()(x)))

    for training in (True, False):
        assert_like_keras(net, training, tf.constant(tiny.images(4, 8, 3)))


def test_layer_losses_are_those_of_the_last_pass():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activity_regularizer="l2")(inputs)
    model = keras.Model(inputs, layers.BatchNormalization()(x))
    images = tiny.images(4, channels=3)
    model(images, training=True)
    expected = [float(loss) for loss in model.losses]
    for _ in range(2):
        Forward(model)(images, training=True)
    np.testing.assert_allclose(model.losses, expected, rtol=1e-5)


class Unwritten(layers.Layer):
    """A layer that cannot be serialized."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x


def test_a_model_that_cannot_be_taken_apart_runs_in_keras():
    inputs = keras.Input((8, 8, 1))
    x = layers.BatchNormalization()(Unwritten(2.0)(inputs))
    model = keras.Model(inputs, {"logits": x})
    images = tiny.images(4)
    np.testing.assert_array_equal(
        Forward(model)(images)["logits"], model(images)["logits"]
    )


def test_outputs_have_the_structure_of_the_model():
    model = tapped()
    images = tiny.images(2)
    keras.tree.assert_same_structure(Forward(model)(images), model(images))


@pytest.mark.parametrize("training", [True, False])
def test_mixed_precision_runs_in_keras(training, monkeypatch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, other = tiny.plain_net(), tiny.plain_net()
    finally:
        keras.config.set_dtype_policy("float32")
    images = tf.constant(tiny.images(4))
    np.testing.assert_array_equal(
        tf.cast(Forward(model)(images, training=training), tf.float32),
        tf.cast(other(images, training=training), tf.float32),
    )
    called = called_norms(
        lambda x: Forward(model)(x, training=training), images, monkeypatch
    )
    assert called == ["bn1", "bn2"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_images_and_weights_give_nan(bad, training):
    model, images = tiny.plain_net(), tiny.images(4)
    forward = tf.function(Forward(model), autograph=False)
    assert np.isfinite(forward(tf.constant(images), training=training)).all()
    broken = images.copy()
    broken[2, 3, 3] = bad
    told = np.isnan(forward(tf.constant(broken), training=False)).all(1)
    np.testing.assert_array_equal(told, [False, False, True, False])
    assert np.isnan(forward(tf.constant(broken), training=training)).any()
    kernel = model.get_layer("conv1").kernel
    kernel.assign(tf.fill(kernel.shape, np.float32(bad)))
    assert np.isnan(forward(tf.constant(images), training=training)).all()


def low_ranked(model):
    model.get_layer("wide").enable_lora(2)
    weight = model.get_layer("wide").lora_kernel_b
    weight.assign(np.ones(weight.shape))


def in_int8(model):
    model.get_layer("wide").quantize("int8")


def partly_frozen(model):
    model.get_layer("wide").kernel.trainable = False


@pytest.mark.parametrize("change", [low_ranked, in_int8, partly_frozen])
def test_lora_quantized_and_frozen_layers_equal_keras(change):
    inputs = keras.Input((6,))
    x = layers.BatchNormalization()(layers.Dense(8, name="wide")(inputs))
    model = tiny.shake(keras.Model(inputs, layers.Dense(4)(x)))
    change(model)
    rows = tf.constant(tiny.images(4, 6)[:, 0, :, 0])
    np.testing.assert_allclose(
        Forward(model)(rows), model(rows), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64"])
def test_images_are_cast_as_keras_does(dtype, training):
    # Their sum overflows float16.
    images = tf.cast(3000 * tiny.images(4), dtype)
    np.testing.assert_allclose(
        Forward(tiny.plain_net())(images, training=training),
        tiny.plain_net()(images, training=training),
        rtol=1e-3,
    )


def test_a_float32_layer_in_a_float16_model_equals_keras():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, dtype="mixed_float16")(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(x))
    model = tiny.shake(keras.Model(inputs, x))
    images = tf.constant(tiny.images(4))
    np.testing.assert_allclose(
        Forward(model)(images), model(images), rtol=1e-4, atol=1e-5
    )
