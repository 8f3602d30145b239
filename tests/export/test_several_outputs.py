"""Laws of files of several outputs."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import check_litert
from tfdcu.export import client_misfits
from tfdcu.export import export_all
from tfdcu.export import export_litert
from tfdcu.export import runs_compiled

IMAGES = tiny.images(100)
FORMATS = "float32", "float16", "dynamic", "int8", "weight8"
NAMES = {"kind": ["x", "y", "z"]}


def net(seed=0, probabilities=False):
    """A map, classes and labels of an image."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    pooled = layers.GlobalAveragePooling2D()(x)
    ends = ("softmax", "sigmoid") if probabilities else (None, None)
    outputs = {
        "zone": layers.Conv2D(4, 1, name="map")(x),
        "kind": layers.Dense(3, ends[0])(pooled),
        "tags": layers.Dense(2, ends[1])(pooled),
    }
    return tiny.shake(keras.Model(inputs, outputs), seed)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return export_all(
        net(),
        tmp_path_factory.mktemp("files"),
        IMAGES,
        formats=FORMATS,
        classes=NAMES,
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_gives_the_model_s_outputs_by_name(files, name):
    file, model = LiteRTModel(files[name]), net()
    found, expected = file(IMAGES[:9]), model(IMAGES[:9], training=False)
    assert set(found) == set(file.names) == set(expected)
    for output, values in expected.items():
        assert file.output_shape[output] == tuple(values.shape[1:])
        assert file.num_classes[output] == values.shape[-1]
        scale = np.abs(values).max()
        slack = 1e-5 if name == "float32" else 0.05
        np.testing.assert_allclose(found[output], values, atol=slack * scale)
    assert file.classes == NAMES
    check = file.sidecar["check"]
    assert check["agreement"] == min(check["outputs"].values())


def test_a_single_run_gives_all(files):
    file = LiteRTModel(files["float32"])
    file.set_image(IMAGES[0])
    file.invoke()
    once, rows = file.get_logits(), file(IMAGES[:1])
    for name in file.names:
        np.testing.assert_array_equal(once[name], rows[name][0])


@pytest.mark.parametrize("name", ["float32", "int8"])
def test_the_program_in_the_json_file_runs(files, name, monkeypatch):
    monkeypatch.chdir(files[name].parent)
    about = json.loads(files[name].with_suffix(".json").read_text())
    expected = LiteRTModel(files[name])(IMAGES[:4])
    for index, image in enumerate(IMAGES[:4]):
        scope = {"image": image}
        exec(about["usage"], scope)
        answers = scope["answers"]
        kind = expected["kind"][index].argmax()
        assert answers["kind"] == NAMES["kind"][kind]
        zone = expected["zone"][index].argmax(-1)
        np.testing.assert_array_equal(answers["zone"], zone)


def test_the_ends_that_a_model_has_are_said(tmp_path):
    model = net(probabilities=True)
    path = export_litert(model, tmp_path / "net.tflite", images=IMAGES)
    file = LiteRTModel(path)
    assert file.kind == {"kind": "classes", "tags": "labels", "zone": "classes"}
    shares = "probabilities"
    assert file.output == {"kind": shares, "tags": shares, "zone": "logits"}
    assert "scores['tags'] > 0.5" in file.sidecar["usage"]


@pytest.mark.parametrize("kind", ["float32", "int8"])
@pytest.mark.parametrize("several", [False, True])
def test_a_single_label_is_compared_with_a_threshold(
    kind, several, tmp_path, monkeypatch
):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(inputs)
    cat = layers.Dense(1, "sigmoid", name="cat")(x)
    outputs = {"cat": cat, "kind": layers.Dense(3, "softmax")(x)}
    model = keras.Model(inputs, outputs if several else cat)
    calibration = IMAGES if kind == "int8" else None
    path = tmp_path / "net.tflite"
    export_litert(model, path, kind, calibration, images=IMAGES)
    monkeypatch.chdir(tmp_path)
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["kind"] == (
        {"cat": "labels", "kind": "classes"} if several else "labels"
    )
    shares = np.asarray(keras.Model(inputs, cat)(IMAGES))[:, 0]
    clear = np.flatnonzero(np.abs(shares - 0.5) > 0.05)
    assert {True, False} == set((shares[clear] > 0.5).tolist())
    for index in clear[:8]:
        scope = {"image": IMAGES[index]}
        exec(about["usage"], scope)
        found = scope["answers"]["cat"] if several else scope["labels"]
        assert found.tolist() == [shares[index] > 0.5]


def test_integers_in_and_out(tmp_path):
    path = tmp_path / "net.tflite"
    export_litert(net(), path, "int8", calibration=IMAGES, io="uint8")
    file = LiteRTModel(path)
    for name in file.names:
        parameters = file.quantization["output"][name]
        assert parameters["dtype"] == "uint8"
        assert parameters["scale"] == pytest.approx(file.output_step[name])


@pytest.mark.parametrize("key", ["kind", "output"])
@pytest.mark.parametrize("said", ["classes", {"kind": "classes"}])
def test_a_changed_json_file_is_named(files, tmp_path, key, said):
    path = tmp_path / "net.tflite"
    path.write_bytes(files["float32"].read_bytes())
    about = json.loads(files["float32"].with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(about | {key: said}))
    with pytest.raises(ValueError, match="net.json' is damaged.*for each of"):
        LiteRTModel(path)


def test_one_wrong_output_fails_the_check(files):
    model = net()
    layer = model.get_layer("map")
    kernel, bias = layer.get_weights()
    layer.set_weights([-kernel, bias])
    with pytest.raises(ValueError, match="differs too much"):
        check_litert(files["float32"], model, IMAGES)


def test_a_model_of_other_outputs_is_refused(files):
    with pytest.raises(ValueError, match="not a file of this model.*'kind'"):
        check_litert(files["float32"], tiny.plain_net(), IMAGES)


def test_clients_of_one_output_are_told_from_others(files):
    misfits = client_misfits(files["float32"])
    assert "it has several outputs" in misfits["mediapipe"]
    assert not misfits["web"]
    assert not misfits["android"]
    paths = [files[name] for name in ("float32", "int8")]
    assert runs_compiled(paths) == dict.fromkeys(paths, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "probabilities"}, "several outputs hold the model's own"),
        ({"classes": ["x", "y", "z"]}, "dict of names with keys among"),
        ({"classes": {"other": ["x"]}}, "dict of names with keys among"),
        ({"classes": {"kind": ["x"]}}, "Expected: 3 names"),
    ],
)
def test_what_several_outputs_do_not_have(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export_litert(net(), tmp_path / "net.tflite", images=IMAGES, **options)
    assert not list(tmp_path.iterdir())
