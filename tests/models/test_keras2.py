"""Files of Keras 2: the model computes the same in Keras 3."""

import json
import shutil
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from tfdcu.models import load
from tfdcu.models.keras2 import load_keras_2
from tfdcu.pruning import prune_channels

NAMES = (
    "of_1_axes of_2_axes of_3_axes of_4_axes of_5_axes of_two tokens attention "
    "states shared nested in_sequential twice frozen without_input several "
    "operations mixed classifier"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras2")
    subprocess.run(
        [sys.executable, "-m", "tests.support.keras2_files", path],
        check=True,
        capture_output=True,
    )
    return path


def difference(received, expected):
    """Largest difference, as a share of the largest value."""
    received = np.asarray(keras.ops.cast(received, "float32"))
    assert received.shape == expected.shape
    worst = np.abs(received - expected.astype("float32")).max()
    return worst / max(np.abs(expected).max(), 1e-9)


@pytest.mark.filterwarnings("ignore:Keras 3 has no Random")
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_keras_2(folder, name, tmp_path):
    model = load_keras_2(folder / f"{name}.h5")
    saved = np.load(folder / f"{name}.npz")
    inputs = [saved[key] for key in saved if key.startswith("x")]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    expected = [saved[key] for key in saved if key.startswith("y")]
    received = keras.tree.flatten(model(inputs, training=False))
    wrong = {
        tensor.name: found
        for tensor, one, other in zip(
            model.outputs, received, expected, strict=True
        )
        if not (found := difference(one, other)) < 1e-5
    }
    assert not wrong
    model.save(tmp_path / "new.keras")
    again = keras.models.load_model(tmp_path / "new.keras")
    for one, other in zip(
        keras.tree.flatten(again(inputs, training=False)), received
    ):
        np.testing.assert_array_equal(one, other)


def test_every_layer_of_keras_2_is_written_or_refused(folder):
    """Those that are not read are listed here."""
    written = set()

    def note(item):
        if isinstance(item, dict):
            if "layers" not in item.get("config", {}):
                written.add(item.get("class_name"))
            for value in item.values():
                note(value)
        elif isinstance(item, list):
            for value in item:
                note(value)

    for path in folder.glob("*.h5"):
        with h5py.File(path, "r") as file:
            note(json.loads(file.attrs["model_config"]))
    names = set(json.loads((folder / "layers.json").read_text()))
    tables = {
        *("DenseFeatures", "IntegerLookup", "StringLookup"),
        *("TextVectorization", "CategoryEncoding", "Hashing", "HashedCrossing"),
    }
    parents = {"AbstractRNNCell", "Layer", "Wrapper"}
    alone = {"LocallyConnected1D"}
    assert names - written == tables | parents | alone


@pytest.mark.parametrize(
    "name, message",
    [
        ("axes", "normalizes over several axes.*one axis.*axis=.1, 2."),
        ("lambda", "contains Python code .a Lambda layer"),
        ("local", "does not know.*the LocallyConnected2D layer"),
        ("roll", "operation of TensorFlow.*Expected: .*Received: tf.roll"),
        ("time", "steps in the first axis.*time_major=True"),
    ],
)
def test_what_cannot_be_read_is_named(folder, name, message):
    with pytest.raises(ValueError, match=f"closed_{name}.h5 .*{message}"):
        load(folder / f"closed_{name}.h5")


def test_keras_files_of_keras_2_are_refused(folder):
    with pytest.raises(ValueError, match="Keras 2, which Keras 3 does not"):
        load(folder / "nested.keras")


def test_frozen_layers_stay_frozen(folder):
    model = load_keras_2(folder / "frozen.h5")
    flags = [layer.trainable for layer in model.layers]
    assert flags == [True, True, False]
    inner = [layer.trainable for layer in model.layers[0].layers]
    assert inner == [True, False, True]


def changed(folder, tmp_path, change):
    """A copy of a file with another config."""
    path = tmp_path / "changed.h5"
    shutil.copy(folder / "nested.h5", path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        change(config, file)
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.mark.parametrize("kind", ["TFSMLayer", "TorchModuleWrapper", "Input"])
def test_no_layer_that_runs_files_is_made(folder, tmp_path, kind):
    def change(config, file):
        layer = config["config"]["layers"][-1]
        layer["class_name"] = kind

    with pytest.raises(ValueError, match=f"holds code .*the {kind} layer"):
        load(changed(folder, tmp_path, change))


def test_weights_of_another_file_are_not_read(folder, tmp_path):
    def change(config, file):
        del file["model_weights/inner"]
        other = h5py.ExternalLink(str(folder / "shared.h5"), "/model_weights")
        file["model_weights/inner"] = other

    path = changed(folder, tmp_path, change)
    with pytest.raises(ValueError, match="refers to something elsewhere"):
        load_keras_2(path)


def test_weights_that_do_not_fit_are_named(folder, tmp_path):
    def change(config, file):
        del file["model_weights/inner"]
        file["model_weights"].create_group("inner")

    with pytest.raises(ValueError, match="weights of its layer 'inner'.*Rece"):
        load_keras_2(changed(folder, tmp_path, change))


def test_a_classifier_of_keras_2_goes_on(folder):
    saved = np.load(folder / "classifier.npz")
    loaded = load(folder / "classifier.h5")
    probabilities = keras.ops.softmax(loaded(saved["x0"]))
    np.testing.assert_allclose(probabilities, saved["y0"], rtol=1e-5)
    student = prune_channels(loaded, macs=0.5)
    assert student.count_params() < loaded.count_params()
