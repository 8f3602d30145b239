"""Loaded models are functional and have logits."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.models import load

IMAGES = tiny.images(4)


def classifier(*inner, activation="softmax"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv"),
            *inner,
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation=activation, name="scores"),
        ]
    )


class Twice(layers.Layer):
    def call(self, inputs):
        return 2 * inputs


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_softmax_is_removed(tmp_path, suffix):
    model = classifier()
    model.save(tmp_path / f"model{suffix}")
    for source in (
        tmp_path / f"model{suffix}",
        str(tmp_path / f"model{suffix}"),
    ):
        loaded = load(source)
        np.testing.assert_allclose(
            keras.ops.softmax(loaded(IMAGES)), model(IMAGES), rtol=1e-5
        )
        assert not isinstance(loaded, keras.Sequential)
        assert hasattr(loaded, "operations") and len(loaded.outputs) == 1
        assert not loaded.compiled


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_suffixes_may_have_capital_letters(tmp_path, suffix):
    model = classifier(activation="linear")
    model.save(tmp_path / f"model{suffix}")
    path = tmp_path / f"model{suffix.upper()}"
    (tmp_path / f"model{suffix}").rename(path)
    np.testing.assert_allclose(load(path)(IMAGES), model(IMAGES), rtol=1e-5)


def test_a_given_model_is_not_changed():
    model = classifier()
    before, outputs = tiny.weights(model), model(IMAGES).numpy()
    loaded = load(model)
    assert loaded is not model
    tiny.assert_same_weights(before, tiny.weights(model))
    np.testing.assert_array_equal(model(IMAGES), outputs)
    np.testing.assert_allclose(
        keras.ops.softmax(loaded(IMAGES)), outputs, rtol=1e-5
    )


def test_model_with_logits_is_the_same_function():
    for model in (tiny.plain_net(), classifier(activation=None)):
        tiny.assert_same_function(model, load(model), IMAGES, rtol=0)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_python_code_in_a_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    classifier(layers.Lambda(lambda x: 2 * x)).save(path)
    with pytest.raises(ValueError, match="contains Python code .a Lambda lay"):
        load(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_custom_layers_need_their_class(tmp_path, suffix):
    model = classifier(Twice(name="twice"), activation=None)
    path = tmp_path / f"model{suffix}"
    model.save(path)
    with pytest.raises(ValueError, match="does not know.*custom_objects"):
        load(path)
    loaded = load(path, custom_objects={"Twice": Twice})
    tiny.assert_same_function(model, loaded, IMAGES)


class Scaled(layers.Layer):
    """Without **kwargs: it cannot be made again from its config."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def call(self, inputs):
        return self.scale * inputs

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class Inner(keras.Model):
    """Its config cannot be had."""

    def __init__(self, width):
        super().__init__()
        self.conv = layers.Conv2D(width, 3)

    def call(self, inputs):
        return self.conv(inputs)


def test_custom_layers_that_cannot_be_loaded_are_named(tmp_path):
    classifier(Scaled(2.0), activation=None).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="cannot be made.*Scaled.__init__"):
        load(tmp_path / "model.keras", custom_objects={"Scaled": Scaled})
    inputs = keras.Input((8, 8, 1))
    outputs = layers.Flatten()(Inner(2)(inputs))
    with pytest.raises(ValueError, match="with the Inner layer 'inner.*'$"):
        load(keras.Model(inputs, outputs))


def test_invalid_model_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no model file at .*gone.keras"):
        load(tmp_path / "gone.keras")
    with pytest.raises(ValueError, match="Received: a folder"):
        load(tmp_path)
    for name, what in (
        ("text.keras", "is damaged or incomplete"),
        ("text.h5", "is damaged or incomplete"),
    ):
        (tmp_path / name).write_text("not a model")
        with pytest.raises(ValueError, match=f"{name} {what}"):
            load(tmp_path / name)
    (tmp_path / "model.onnx").write_text("another kind")
    with pytest.raises(ValueError, match="Received: suffix '.onnx'"):
        load(tmp_path / "model.onnx")
    classifier().save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="contains only weights"):
        load(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="cannot be loaded.*int"):
        load(7)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_truncated_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"model.{suffix}"
    classifier().save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match="damaged or incomplete"):
        load(path)


def test_a_file_of_a_newer_keras_is_told_from_others(tmp_path):
    path, changed = tmp_path / "new.keras", tmp_path / "changed.keras"
    tiny.plain_net().save(path)
    for version, told in ("99.1.0", "by Keras 99.1.0"), (None, "not be read"):
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "config.json":
                    content = content.replace(b'"filters"', b'"filtres"', 1)
                if name == "metadata.json" and version:
                    content = json.dumps({"keras_version": version}).encode()
                new.writestr(name, content)
        with pytest.raises(ValueError, match=told) as error:
            load(changed)
        assert "Expected: " in str(error.value)


def test_other_models_are_refused():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="cannot be taken apart"):
        load(Subclassed())
    left, right = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    scores = classifier()(layers.Add()([left, right]))
    with pytest.raises(ValueError, match="2 inputs"):
        load(keras.Model([left, right], scores))
    with pytest.raises(ValueError, match="1 inputs and 2 outputs"):
        load(keras.Model(left, [classifier()(left), classifier()(left)]))
    words = keras.Input((), dtype="string")
    ids = layers.TextVectorization(10, vocabulary=["a"])(words)
    scores = layers.Dense(3)(layers.Embedding(10, 4)(ids)[:, 0])
    with pytest.raises(ValueError, match="and token ids.*string of shape"):
        load(keras.Model(words, scores))
    with pytest.raises(ValueError, match=r"\(batch, classes\).*6, 6, 4"):
        load(keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3)]))
