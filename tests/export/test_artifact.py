"""Exported files work, and failures leave no files."""

import errno
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import export_all
from tfdcu.export import export_litert
from tfdcu.export import inspect_litert
from tfdcu.export.formats import FORMATS
from tfdcu.export.interpreter import quantize
from tfdcu.export.reference import probabilities_of
from tfdcu.graph.logits import as_logits


def sparse_net():
    """A net of which four weights in five are zero, the Dense ones too."""
    model = tiny.plain_net(channels=3, width=32)
    for name in ("conv2", "logits"):
        kernel = model.get_layer(name).kernel
        values = np.abs(kernel.numpy())
        kernel.assign(kernel.numpy() * (values > np.quantile(values, 0.8)))
    return model


def test_every_format_has_its_types(paths):
    assert tuple(paths) == FORMATS
    for name, path in paths.items():
        assert path.name == f"student_{name}.tflite"
        assert inspect_litert(path)["format"] == name


def test_shorter_formats_are_smaller(paths):
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    assert sizes["float16"] < 0.7 * sizes["float32"]
    assert sizes["dynamic"] < 0.5 * sizes["float32"]
    assert sizes["int8"] < 0.5 * sizes["float32"]


def test_folder_holds_artifacts_and_json_only(paths):
    folder = paths["int8"].parent
    expected = {f"student_{name}{end}" for name in FORMATS
                for end in (".tflite", ".json")}  # fmt: skip
    assert {path.name for path in folder.iterdir()} == expected


@pytest.mark.parametrize("io", ["float32", "uint8", "int8"])
def test_int8_computes_by_channel_whatever_it_takes(
    io, model, images, paths, tmp_path
):
    path = export_litert(model, tmp_path / "a.tflite", "int8", images, io=io)
    artifact = LiteRTModel(path)
    assert artifact.format == "int8"
    for end in artifact.quantization.values():
        assert end["dtype"] == io
    per_channel = [
        len(tensor["quantization_parameters"]["scales"])
        for tensor in artifact._interpreter.get_tensor_details()
        if list(tensor["shape"]) == [32, 3, 3, 16]
    ]
    assert per_channel == [32]
    # Integers at its ends are those that it computes with anyway.
    np.testing.assert_allclose(
        artifact(images), LiteRTModel(paths["int8"])(images), atol=1e-6
    )


@pytest.mark.parametrize("value_range", [(0, 1), (0, 255)])
def test_uint8_takes_the_bytes_of_a_photo(value_range, tmp_path):
    low, high = value_range
    bytes_of = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3))
    pixels = bytes_of / 255 * (high - low) + low
    path = export_litert(
        tiny.linear_net(channels=3),
        tmp_path / "a.tflite",
        "int8",
        pixels.astype("float32"),
        io="uint8",
        value_range=value_range,
        min_agreement=0,
    )
    taken = quantize(pixels, LiteRTModel(path).quantization["input"])
    np.testing.assert_array_equal(taken, bytes_of)


@pytest.mark.parametrize("kind", FORMATS)
def test_probabilities_are_the_softmax_of_logits(
    kind, model, images, paths, tmp_path
):
    path = export_litert(
        model, tmp_path / "a.tflite", kind, images, output="probabilities"
    )
    artifact, logits = LiteRTModel(path), LiteRTModel(paths[kind])
    assert (artifact.output, logits.output) == ("probabilities", "logits")
    expected = probabilities_of(logits(images))
    np.testing.assert_allclose(artifact(images), expected, atol=1e-5)


@pytest.mark.parametrize("io", ["uint8", "int8"])
@pytest.mark.parametrize("num_classes", [1, 4])
def test_integers_give_probabilities_in_steps(
    num_classes, io, images, tmp_path
):
    model = tiny.plain_net(channels=3, num_classes=num_classes)
    path = export_litert(
        model,
        tmp_path / "a.tflite",
        "int8",
        images,
        io=io,
        output="probabilities",
    )
    artifact = LiteRTModel(path)
    assert artifact.quantization["output"] == {
        "dtype": io,
        "scale": 1 / 256,
        "zero_point": -128 if io == "int8" else 0,
    }
    expected = probabilities_of(np.asarray(model(images)))
    np.testing.assert_allclose(artifact(images), expected, atol=0.02)


@pytest.mark.parametrize("kind", [None, "weight8"])
@pytest.mark.parametrize("layer", [keras.layers.GRU, keras.layers.LSTM])
def test_probabilities_after_a_loop(layer, kind, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 3))
    x = keras.layers.Dense(4)(layer(16)(inputs))
    model = keras.Model(inputs, 5 * x)
    signals = np.random.default_rng(0).normal(size=(20, 12, 3))
    path = export_litert(
        model,
        tmp_path / "a.tflite",
        kind,
        images=signals.astype("float32"),
        output="probabilities",
    )
    expected = probabilities_of(np.asarray(model(signals)))
    found = LiteRTModel(path)(signals)
    np.testing.assert_allclose(found, expected, atol=0.02 if kind else 1e-5)


def nested_end(logits):
    """An operation at the end of a model at the end."""
    given = keras.Input(logits.shape[1:])
    return keras.Model(given, keras.ops.softmax(given))(logits)


@pytest.mark.parametrize(
    "end",
    [
        keras.layers.Activation("softmax"),
        keras.layers.Activation("sigmoid"),
        keras.ops.softmax,
        keras.ops.sigmoid,
        nested_end,
    ],
)
def test_a_model_of_probabilities_gets_no_second_softmax(end, images, tmp_path):
    net = tiny.plain_net(channels=3)
    model = keras.Model(net.input, end(net.output))
    for output in ("logits", "probabilities"):
        path = export_litert(
            model, tmp_path / "a.tflite", images=images, output=output
        )
        artifact = LiteRTModel(path)
        assert artifact.output == "probabilities"
        np.testing.assert_allclose(
            artifact(images), np.asarray(model(images)), atol=1e-5
        )


def test_the_probability_of_one_output_is_its_sigmoid(images, tmp_path):
    model = tiny.plain_net(channels=3, num_classes=1)
    path = export_litert(
        model, tmp_path / "a.tflite", images=images, output="probabilities"
    )
    expected = 1 / (1 + np.exp(-np.asarray(model(images))))
    np.testing.assert_allclose(LiteRTModel(path)(images), expected, atol=1e-5)


def test_labels_of_their_own_have_a_sigmoid_each(images, tmp_path):
    net = tiny.plain_net(channels=3)
    ended = keras.layers.Activation("sigmoid")(net.output)
    model = as_logits(keras.Model(net.input, ended))
    path = export_litert(
        model, tmp_path / "a.tflite", images=images, output="probabilities"
    )
    expected = 1 / (1 + np.exp(-np.asarray(model(images))))
    np.testing.assert_allclose(LiteRTModel(path)(images), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"io": "int16"}, "one of float32, uint8, int8. Received: 'int16'"),
        ({"output": "classes"}, "one of logits, probabilities"),
        ({"io": "uint8"}, "Only a file of int8.*io='uint8' with float32"),
    ],
)
def test_options_that_do_not_fit(options, words, model, tmp_path):
    with pytest.raises(ValueError, match=words):
        export_litert(model, tmp_path / "a.tflite", **options)
    assert not list(tmp_path.iterdir())


def test_int8_input_covers_the_value_range(model, tmp_path):
    gray = 0.4 + 0.2 * tiny.images(100, channels=3)
    path = export_litert(model, tmp_path / "a.tflite", "int8", gray, io="int8")
    step = LiteRTModel(path).quantization["input"]
    lowest = step["scale"] * (-128 - step["zero_point"])
    highest = step["scale"] * (127 - step["zero_point"])
    np.testing.assert_allclose([lowest, highest], [0, 1], atol=0.005)


def test_value_range_other_than_unit(model, images, tmp_path):
    path = export_litert(
        model,
        tmp_path / "a.tflite",
        "int8",
        2 * images - 1,
        value_range=(-1, 1),
        io="int8",
    )
    artifact = LiteRTModel(path)
    assert artifact.value_range == (-1, 1)
    assert artifact.quantization["input"]["scale"] == pytest.approx(
        2 / 255, rel=0.01
    )


def test_callers_model_is_unchanged(images, tmp_path):
    model = tiny.plain_net(channels=3)
    model.compile("sgd", "mse", metrics=["accuracy"])
    model.get_layer("conv1").trainable = False
    before = tiny.weights(model)
    optimizer, loss = model.optimizer, model.loss
    flags = [layer.trainable for layer in model.layers]
    export_litert(model, tmp_path / "a.tflite", "int8", images)
    tiny.assert_same_weights(before, tiny.weights(model))
    assert flags == [layer.trainable for layer in model.layers]
    assert model.optimizer is optimizer and model.loss is loss
    assert model.compiled


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_exports_in_float32(policy, images, tmp_path):
    weights = tiny.plain_net(channels=3).get_weights()
    expected = np.asarray(tiny.plain_net(channels=3)(images))
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        model = tiny.plain_net(channels=3)
        model.set_weights(weights)
        path = export_litert(model, tmp_path / "a.tflite", images=images)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("conv1").compute_dtype != "float32"
    np.testing.assert_allclose(LiteRTModel(path)(images), expected, atol=1e-5)


@pytest.mark.parametrize("training", [None, True])
def test_stochastic_layers_are_off(training, images, tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.RandomFlip()(inputs)
    x = keras.layers.RandomContrast(0.5, value_range=(0, 1))(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(0.5)(x, training=training)
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    path = export_litert(model, tmp_path / "a.tflite", images=images)
    # A random layer's own default is training=True.
    expected = np.asarray(model(images, training=False))
    np.testing.assert_allclose(LiteRTModel(path)(images), expected, atol=1e-5)


class Noise(keras.layers.Layer):
    """Random in inference too."""

    def call(self, inputs):
        return inputs + tf.random.normal(tf.shape(inputs))


def test_layers_that_stay_random_are_refused(images, tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(Noise()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    with pytest.raises(ValueError, match=r"a\.tflite' holds.*RANDOM_STANDARD"):
        export_litert(model, tmp_path / "a.tflite", images=images)
    assert not list(tmp_path.iterdir())


def test_calibration_from_a_dataset_equals_the_array(model, images, tmp_path):
    batches = tf.data.Dataset.from_tensor_slices(images).batch(32)
    paths = [
        export_litert(model, tmp_path / i / "a.tflite", "int8", calibration)
        for i, calibration in (("array", images), ("dataset", batches))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_few_calibration_images_give_a_warning(model, images, tmp_path):
    with pytest.warns(UserWarning, match="on only 16 images"):
        export_litert(model, tmp_path / "a.tflite", "int8", images[:16])


def test_no_images_give_a_warning(model, tmp_path):
    with pytest.warns(UserWarning, match="noise"):
        path = export_litert(model, tmp_path / "a.tflite", num_images=8)
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["check"]["images"] == "noise"


@pytest.mark.parametrize("quantization", [None, "float16", "int8"])
def test_sparse_encoding_keeps_the_function(quantization, images, tmp_path):
    model = sparse_net()
    dense, sparse = (
        export_litert(
            model, tmp_path / name, quantization, images, sparse=name[0] == "s"
        )
        for name in ("dense.tflite", "sparse.tflite")
    )
    assert sparse.stat().st_size < 0.75 * dense.stat().st_size
    assert inspect_litert(sparse)["sparse_tensors"]
    np.testing.assert_allclose(
        LiteRTModel(sparse)(images), LiteRTModel(dense)(images), atol=1e-6
    )


def test_sparse_and_dynamic_are_refused_before_any_work(model, tmp_path):
    with pytest.raises(ValueError, match="failed to delegate CONV_2D"):
        export_all(model, tmp_path, formats=("float32", "dynamic"), sparse=True)
    assert not list(tmp_path.iterdir())


def test_unknown_quantization(model, tmp_path):
    with pytest.raises(ValueError, match="float32, float16, dynamic, int8"):
        export_litert(model, tmp_path / "a.tflite", "int4")


def test_no_format(model, tmp_path):
    with pytest.raises(ValueError, match="no format"):
        export_all(model, tmp_path, formats=())


def test_int8_without_calibration(model, tmp_path):
    with pytest.raises(ValueError, match="Expected: `calibration`"):
        export_litert(model, tmp_path / "a.tflite", "int8")


def test_wrong_ending(model, tmp_path):
    with pytest.raises(ValueError, match="ends in .tflite"):
        export_litert(model, tmp_path / "a.lite")


def test_wrong_number_of_classes(model, tmp_path):
    with pytest.raises(ValueError, match="Expected: 4 names.*Received: 3"):
        export_litert(model, tmp_path / "a.tflite", classes=("a", "b", "c"))


def test_invalid_value_range(model, tmp_path):
    with pytest.raises(ValueError, match="value for `value_range`"):
        export_litert(model, tmp_path / "a.tflite", value_range=(1, 0))


def test_folder_that_cannot_be_written(model, images, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be written"):
        export_litert(model, tmp_path / "file" / "a.tflite", images=images)


def test_weights_that_are_not_finite(images, tmp_path):
    model = tiny.plain_net(channels=3)
    bias = model.get_layer("logits").bias
    bias.assign([0.0, np.nan, 0.0, 0.0])
    with pytest.raises(ValueError, match="'logits/bias'"):
        export_litert(model, tmp_path / "a.tflite", images=images)
    assert not list(tmp_path.iterdir())


def test_failed_check_keeps_existing_files(images, tmp_path):
    path = tmp_path / "a.tflite"
    export_litert(tiny.plain_net(channels=3), path, images=images)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="agrees too rarely"):
        export_litert(
            tiny.plain_net(channels=3, seed=1),
            path,
            images=images,
            min_agreement=1.01,
        )
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_full_disk_leaves_nothing(model, images, tmp_path, monkeypatch):
    write = Path.write_bytes

    def half(self, content):
        if not content:
            return write(self, content)
        write(self, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="The disk filled up") as caught:
        export_litert(model, tmp_path / "a.tflite", images=images)
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_nothing_is_printed(model, images, tmp_path, capfd):
    export_litert(model, tmp_path / "a.tflite", "int8", images)
    LiteRTModel(tmp_path / "a.tflite")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_int8_input_covers_the_range_where_images_reach_one_end(
    end, model, tmp_path
):
    gray = 0.4 + 0.2 * tiny.images(100, channels=3)
    gray[0, 0, 0] = end
    path = export_litert(model, tmp_path / "a.tflite", "int8", gray, io="int8")
    assert LiteRTModel(path).quantization["input"]["scale"] == pytest.approx(
        1 / 255, rel=0.01
    )
