"""Laws of `quantize_aware`: the same function, rounded, and the same file."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import not_images
from tests.support import tiny
from tfdcu.data import training_batches
from tfdcu.distill import AlignedDistiller
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export import inspect_litert
from tfdcu.graph.keras_private import all_layers
from tfdcu.quantization import calibration
from tfdcu.quantization import quantize_aware
from tfdcu.quantization.bits import divergences
from tfdcu.quantization.layers import QuantizedDepthwiseConv2D

IMAGES = tiny.images(64, channels=3, seed=3)
slices = tf.data.Dataset.from_tensor_slices


def awkward_net(seed=0):
    """What LiteRT fuses, and what it does not."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Rescaling(2.0, -1.0, name="scale")(inputs)
    x = layers.BatchNormalization(name="first_bn")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu6", name="a")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="b")(x)
    y = layers.BatchNormalization(name="b_bn")(y)
    y = layers.Activation("silu", name="silu")(y)
    x = layers.Concatenate(name="both")([x, y])
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.Dropout(0.5)(layers.MaxPooling2D(2)(x))
    x = layers.Dense(6, activation="relu", name="hidden")(layers.Flatten()(x))
    logits = layers.Dense(4, name="logits")(x)
    return tiny.shake(keras.Model(inputs, logits, name="awkward"), seed)


NETS = {
    "plain": lambda: tiny.plain_net(channels=3, width=8),
    "residual": lambda: tiny.residual_net(width=8),
    "depthwise": lambda: tiny.depthwise_net(width=8),
    "awkward": awkward_net,
}


@pytest.mark.parametrize("name", NETS)
def test_it_is_the_model_but_for_rounding(name):
    model = NETS[name]()
    before = tiny.weights(model)
    quantized = quantize_aware(model, images=IMAGES)
    tiny.assert_same_weights(before, tiny.weights(model))
    tiny.assert_same_function(model, quantized, IMAGES, rtol=0.05)
    assert not any(
        isinstance(layer, layers.BatchNormalization)
        for layer in quantized.layers
    )


@pytest.mark.parametrize(
    ("name", "bits", "most"),
    [("residual", 8, 1), ("awkward", 8, 2), ("depthwise", 4, 3)],
)
def test_the_file_gives_what_the_model_gives(name, bits, most, tmp_path):
    # The interpreter rounds twice where weights have 4 bits, and products of
    # two tensors in its own way.
    kind = {8: "int8", 4: "int8_weight4"}[bits]
    model = quantize_aware(NETS[name](), images=IMAGES, weight_bits=bits)
    path = export_litert(
        model, tmp_path / "x.tflite", kind, images=IMAGES, io="int8"
    )
    facts = inspect_litert(path)
    assert facts["format"] == kind and not facts["float_operators"]
    expected, received = model.predict(IMAGES, verbose=0), LiteRTModel(path)
    steps = np.abs(received(IMAGES) - expected) / received.output_step
    assert steps.max() < most + 0.01


def gated_net(size):
    """Squeeze and excite; the squeezed value is zero, or of this size."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(1, 1, activation="relu", name="squeeze")(gate)
    gate = layers.Conv2D(8, 1, bias_initializer="ones")(gate)
    x = layers.Multiply()([x, layers.Activation("sigmoid")(gate)])
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(4)(x))
    kernel, bias = model.get_layer("squeeze").get_weights()
    bias = bias if size else bias - 50
    model.get_layer("squeeze").set_weights([size * np.abs(kernel), bias])
    return model


def assert_same_steps(quantized, kind, path, most=0.01):
    """The file gives what the model gives, but for some steps of 255."""
    export_litert(quantized, path, kind, images=IMAGES)
    expected, received = quantized.predict(IMAGES, verbose=0), LiteRTModel(path)
    error = np.abs(received(IMAGES) - expected).max()
    assert error <= most * received.output_step


@pytest.mark.parametrize("size", [0, 1e-15, 1e-9])
def test_values_near_zero_have_a_range(size, tmp_path):
    model = gated_net(size)
    quantized = quantize_aware(model, images=IMAGES)
    squeezed = quantized.get_layer("squeeze_range")
    assert squeezed.high > squeezed.low == 0
    tiny.assert_same_function(model, quantized, IMAGES, rtol=0.05)
    assert_same_steps(quantized, "int8", tmp_path / "x.tflite")


@pytest.mark.parametrize(
    ("bits", "kind", "most"), [(8, "int8", 1.01), (4, "int8_weight4", 3.01)]
)
def test_biases_beside_weights_near_zero_fit(bits, kind, most, tmp_path):
    model = tiny.plain_net(channels=3, width=8)
    norm = model.get_layer("bn1")
    norm.gamma.assign(np.where(np.arange(8) % 2, norm.gamma, 1e-9))
    norm.beta.assign(np.linspace(0.2, 2, 8))
    quantized = quantize_aware(model, images=IMAGES, weight_bits=bits)
    assert_same_steps(quantized, kind, tmp_path / "x.tflite", most)


@pytest.mark.parametrize("now", ["mixed_float16", "float32"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_is_float32_whatever_the_policies(policy, now):
    expected = quantize_aware(awkward_net(), images=IMAGES)
    keras.config.set_dtype_policy(policy)
    try:
        model = awkward_net()
        keras.config.set_dtype_policy(now)
        quantized = quantize_aware(model, images=IMAGES)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {one.compute_dtype for one in all_layers(quantized)} == {"float32"}
    for weights in zip(quantized.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(*weights)
    np.testing.assert_array_equal(quantized(IMAGES), expected(IMAGES))


def test_names_of_kernels_and_of_rounded_activations_stay():
    model = quantize_aware(tiny.plain_net(), images=IMAGES[..., :1])
    names = {layer.name for layer in model.layers}
    assert {"image", "conv1", "relu1", "pool", "logits"} <= names
    assert "bn1" not in names


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_it_gives_logits_in_place_of_probabilities(end):
    net = tiny.linear_net()
    outputs = layers.Activation(end)(net.output)
    ended = keras.Model(net.input, outputs)
    images = tiny.images(64)
    expected = quantize_aware(net, images=images)(images)
    quantized = quantize_aware(ended, images=images)
    np.testing.assert_array_equal(quantized(images), expected)
    # Its loss is that of logits, whatever it is the student of.
    distiller = AlignedDistiller(quantized, ended, align_weight=0)
    distiller.compile(keras.optimizers.SGD(0.0))
    batches = training_batches(None, images, batch_size=64)
    history = distiller.fit(batches, verbose=0).history
    assert history["mimic"][0] < 1e-3


def test_it_is_saved_and_loaded_bit_for_bit(tmp_path):
    model = quantize_aware(awkward_net(), images=IMAGES, weight_bits=4)
    model.save(tmp_path / "x.keras")
    again = keras.models.load_model(tmp_path / "x.keras")
    np.testing.assert_array_equal(model(IMAGES), again(IMAGES))


def test_kernels_make_up_for_their_rounding_and_so_does_training(monkeypatch):
    teacher = tiny.plain_net(channels=3, width=8)
    targets = np.asarray(teacher(IMAGES))

    def quantized():
        model = quantize_aware(teacher, images=IMAGES, weight_bits=4)
        model.compile(keras.optimizers.Adam(1e-3), "mse")
        return model, model.evaluate(IMAGES, targets, verbose=0)

    _, made_up = quantized()
    monkeypatch.setattr(calibration, "MOST_WEIGHTS", 0)
    model, alone = quantized()
    assert made_up < 0.1 * alone
    model.fit(IMAGES, targets, epochs=20, verbose=0)
    assert model.evaluate(IMAGES, targets, verbose=0) < 0.5 * alone


def test_a_mean_between_keeps_8_bits_for_some():
    model = tiny.residual_net(width=8)
    mixed = quantize_aware(model, images=IMAGES, weight_bits=5)
    kernels = [one for one in mixed.layers if hasattr(one, "weight_bits")]
    sizes = [np.prod(one.kernel.shape) for one in kernels]
    bits = [one.weight_bits for one in kernels]
    assert set(bits) == {4, 8}
    assert 4 < np.average(bits, weights=sizes) <= 5


def test_a_layer_s_divergence_is_that_of_its_kernel_and_bias():
    # With one kernel, the coarse model is the fine one with its layer.
    net = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten()])
    net.add(layers.Dense(4, name="logits"))
    fine, coarse = (
        quantize_aware(net, images=IMAGES, weight_bits=bits) for bits in (8, 4)
    )
    before = tiny.weights(fine)
    pairs = {"logits": [x.get_layer("logits") for x in (fine, coarse)]}
    found = divergences(fine, pairs, IMAGES, 64)
    tiny.assert_same_weights(before, tiny.weights(fine))
    expected, received = (
        keras.ops.log_softmax(model(IMAGES)).numpy() for model in (fine, coarse)
    )
    divergence = np.exp(expected) * (expected - received)
    # The fine grid rounds the coarse kernel once more.
    assert found["logits"] == pytest.approx(divergence.sum(-1).mean(), rel=0.25)


@pytest.mark.parametrize(
    "as_given", [lambda x: x, lambda x: slices(x).batch(8)]
)
def test_images_that_are_not_finite_are_refused(as_given):
    images = IMAGES.copy()
    images[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite.*Received.*NaN"):
        quantize_aware(tiny.plain_net(channels=3), images=as_given(images))


@pytest.mark.parametrize("shape", [(10,), (12, 3), (6, 6, 8)])
def test_inputs_that_are_no_images_have_the_range_that_was_measured(shape):
    values = np.random.default_rng(0).normal(size=(64, *shape))
    inputs = keras.Input(shape, name="values")
    x = layers.Dense(16, activation="relu")(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Dense(3)(x))
    values = (3 * values + 1).astype("float32")
    quantized = quantize_aware(model, images=values)
    found = quantized.get_layer("values_range")
    ends = values.min(), values.max()
    np.testing.assert_allclose((found.low, found.high), ends)
    tiny.assert_same_function(model, quantized, values, rtol=0.03)


def test_ids_stay_integers(tmp_path):
    net, ids = not_images.token_net(), not_images.tokens()[0].astype("int32")
    quantized = quantize_aware(net, images=ids)
    tiny.assert_same_function(net, quantized, ids, rtol=0.05)
    path = tmp_path / "x.tflite"
    export_litert(quantized, path, "int8", images=ids, min_agreement=0)
    assert LiteRTModel(path).quantization["input"]["dtype"] == "int32"


def test_images_of_integers_are_rounded_like_others(tmp_path):
    images = (255 * IMAGES).astype("uint8")
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    x = layers.Conv2D(8, 3)(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)))
    quantized = quantize_aware(model, images=images, value_range=(0, 255))
    tiny.assert_same_function(model, quantized, images, rtol=0.05)
    path = tmp_path / "x.tflite"
    pixels = {"images": images, "value_range": (0, 255)}
    export_litert(quantized, path, "int8", **pixels)
    assert not inspect_litert(path)["float_operators"]


@pytest.mark.parametrize(
    ("given", "expected"), [((0, 255), (0, 255)), ((5, 300), (0, 300))]
)
def test_images_have_the_range_of_pixels_and_zero(given, expected):
    model, images = tiny.plain_net(channels=3), 20 + 200 * IMAGES
    quantized = quantize_aware(model, images=images, value_range=given)
    found = quantized.get_layer("image_range")
    assert (found.low, found.high) == expected
    tiny.assert_same_function(model, quantized, images, rtol=0.05)


@pytest.mark.parametrize(
    "as_given", [lambda x: x, lambda x: slices(x).batch(8)]
)
def test_pixels_out_of_range_are_refused(as_given):
    with pytest.raises(
        ValueError, match="`images`.*out of range.*`value_range`.*to 25[0-9]"
    ):
        quantize_aware(
            tiny.plain_net(channels=3), images=as_given(255 * IMAGES)
        )


def test_values_that_are_not_finite_are_refused_by_layer():
    model = tiny.plain_net(channels=3)
    conv1 = model.get_layer("conv1")
    conv1.kernel.assign(1e38 * conv1.kernel + 1e38)
    with pytest.raises(ValueError, match="finite.*Received: NaN.*'conv2'"):
        quantize_aware(model, images=IMAGES)


def test_bits_by_name():
    model = quantize_aware(
        tiny.plain_net(), images=IMAGES[..., :1], weight_bits={"conv2": 4}
    )
    bits = [getattr(one, "weight_bits", None) for one in model.layers]
    assert [n for n in bits if n] == [8, 4, 8]


def test_layers_that_stay_float_are_named():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2DTranspose(4, 2, name="up")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(2, activation="tanh", name="last")(x)
    with pytest.warns(UserWarning, match="stay float: up, last"):
        quantize_aware(keras.Model(inputs, x), images=IMAGES)


def test_a_layer_that_scales_channels_becomes_a_kernel():
    model = quantize_aware(awkward_net(), images=IMAGES)
    for name in ("scale", "first_bn", "norm"):
        assert type(model.get_layer(name)) is QuantizedDepthwiseConv2D


@pytest.mark.parametrize("bits", [3, 9, "4", None, {"conv1": 5}])
def test_other_bits_are_refused(bits):
    with pytest.raises(ValueError, match="`weight_bits`. Expected.*Received"):
        quantize_aware(tiny.plain_net(), images=IMAGES, weight_bits=bits)
