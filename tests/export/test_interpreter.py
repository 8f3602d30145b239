"""A LiteRT file computes the same as its Keras model."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.export.conftest import CLASSES
from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert


def test_float32_equals_keras(model, images, paths):
    logits = LiteRTModel(paths["float32"])(images)
    assert logits.dtype == np.float32 and logits.shape == (100, 4)
    np.testing.assert_allclose(logits, np.asarray(model(images)), atol=1e-5)


def test_int8_is_within_a_few_steps(model, images, paths):
    artifact = LiteRTModel(paths["int8"])
    step = artifact.output_step
    difference = np.abs(artifact(images) - np.asarray(model(images)))
    assert difference.max() < 5 * step


def test_int8_quantization_by_hand(model, images, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = export_litert(
        model, tmp_path / "a.tflite", "int8", images, io="int8"
    )
    artifact = LiteRTModel(path)
    into, out = (artifact.quantization[end] for end in ("input", "output"))
    steps = np.rint(images[:1] / into["scale"]) + into["zero_point"]
    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner("serving_default")
    stored = runner(image=np.clip(steps, -128, 127).astype("int8"))["logits"]
    expected = (stored.astype("float32") - out["zero_point"]) * out["scale"]
    np.testing.assert_allclose(artifact(images[:1]), expected, rtol=1e-6)


def test_pixels_beyond_the_range_saturate(images, paths):
    artifact = LiteRTModel(paths["int8"])
    over = np.where(images > 0.5, 9.0, images)
    np.testing.assert_array_equal(
        artifact(over), artifact(np.where(images > 0.5, 1.0, images))
    )


def test_attributes(paths):
    for name, path in paths.items():
        artifact = LiteRTModel(path)
        assert artifact.format == name
        assert artifact.input_shape == (8, 8, 3)
        assert artifact.num_classes == 4
        assert tuple(artifact.classes) == CLASSES
        assert artifact.value_range == (0, 1)


def test_no_images_give_no_logits(paths):
    artifact = LiteRTModel(paths["float32"])
    assert artifact(np.empty((0, 8, 8, 3))).shape == (0, 4)


def test_threads_change_nothing(images, paths):
    np.testing.assert_allclose(
        LiteRTModel(paths["float32"], num_threads=2)(images),
        LiteRTModel(paths["float32"])(images),
        atol=1e-6,
    )


def test_files_of_plain_keras_run_too(model, images, tmp_path):
    path = tmp_path / "plain.tflite"
    model.export(str(path), format="litert", verbose=False)
    artifact = LiteRTModel(path)
    assert artifact.classes is None and artifact.sidecar == {}
    np.testing.assert_allclose(
        artifact(images), np.asarray(model(images)), atol=1e-5
    )


def test_the_json_of_another_file_is_ignored(paths, tmp_path):
    shutil.copy(paths["float32"], tmp_path / "a.tflite")
    shutil.copy(paths["int8"].with_suffix(".json"), tmp_path / "a.json")
    with pytest.warns(UserWarning, match="was not written for"):
        artifact = LiteRTModel(tmp_path / "a.tflite")
    assert artifact.classes is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"sha256": 1}'])
def test_damaged_json_is_ignored(content, paths, tmp_path):
    shutil.copy(paths["float32"], tmp_path / "a.tflite")
    (tmp_path / "a.json").write_text(content)
    with pytest.warns(UserWarning, match="was not written for"):
        LiteRTModel(tmp_path / "a.tflite")


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 5},
        {"classes": ["a", "b", "c"]},
        {"classes": ["a", "b", "c", 4]},
        {"value_range": "01"},
        {"value_range": [1, 0]},
        {"value_range": [0, float("nan")]},
        {"value_range": [0, None]},
    ],
)
def test_json_that_says_what_cannot_be_is_refused(change, paths, tmp_path):
    shutil.copy(paths["float32"], tmp_path / "a.tflite")
    text = paths["float32"].with_suffix(".json").read_text("utf-8")
    (tmp_path / "a.json").write_text(json.dumps(json.loads(text) | change))
    with pytest.raises(ValueError, match="a.json.*Expected.*Received"):
        LiteRTModel(tmp_path / "a.tflite")


def test_integers_without_a_scale_are_refused(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 1), tf.uint8)])
    def brightness(images):
        return tf.reduce_mean(tf.cast(images, tf.float32), (1, 2))

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [brightness.get_concrete_function()]
    )
    path = tmp_path / "raw.tflite"
    path.write_bytes(converter.convert())
    with pytest.raises(ValueError, match="without a scale.*uint8 without"):
        LiteRTModel(path)


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match="cannot be found"):
        LiteRTModel(tmp_path / "none.tflite")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file"])
def test_not_a_litert_file(content, tmp_path):
    (tmp_path / "a.tflite").write_bytes(content)
    with pytest.raises(ValueError, match="not a LiteRT file"):
        LiteRTModel(tmp_path / "a.tflite")


@pytest.mark.parametrize("kept", [8, 200, 5_000, 40_000])
def test_truncated_file(kept, paths, tmp_path):
    content = paths["float32"].read_bytes()
    (tmp_path / "a.tflite").write_bytes(content[:kept])
    with pytest.raises(ValueError, match="Received"):
        LiteRTModel(tmp_path / "a.tflite")


@pytest.mark.parametrize("shape", [(8, 8, 3), (1, 8, 9, 3), (1, 8, 8, 1)])
def test_wrong_shape(shape, paths):
    with pytest.raises(ValueError, match=r"Expected: shape \(n, 8, 8, 3\)"):
        LiteRTModel(paths["float32"])(np.zeros(shape))


def test_pixels_that_are_not_finite(paths):
    images = tiny.images(2, channels=3)
    images[1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        LiteRTModel(paths["int8"])(images)
