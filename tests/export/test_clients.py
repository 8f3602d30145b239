"""Each target gets a file that its client takes, or an error beforehand."""

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.export import CLIENTS
from tfdcu.export import LiteRTModel
from tfdcu.export import client_misfits
from tfdcu.export import export_all
from tfdcu.export import inspect_litert
from tfdcu.export import runs_compiled
from tfdcu.export.metadata import NAME
from tfdcu.export.reference import probabilities_of
from tfdcu.report.record import TARGETS


@pytest.fixture(scope="module")
def files(model, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    return export_all(model, folder, images, formats=(), targets=tuple(CLIENTS))


def test_the_report_knows_every_target():
    assert TARGETS == tuple(CLIENTS)


@pytest.mark.parametrize("target", CLIENTS)
def test_the_file_of_a_target_is_for_it(target, files, model, images):
    path = files[target]
    assert path.name == f"student_{target}.tflite"
    assert client_misfits(path)[target] == []
    facts = inspect_litert(path)
    integers = target in ("microcontroller", "ethos-u")
    assert facts["input"]["dtype"] == ("int8" if integers else "float32")
    assert (NAME in facts["metadata"]) is not integers
    file = LiteRTModel(path)
    expected = probabilities_of(np.asarray(model(images)))
    assert np.abs(file(images) - expected).max() < 0.05


def test_reasons_by_hand(paths, files):
    misfits = client_misfits(paths["float16"])
    assert misfits["mediapipe"] == ["its scores are logits, not probabilities"]
    assert misfits["microcontroller"] == [
        "it does not take and give int8",
        "it computes in float32",
    ]
    misfits = client_misfits(files["microcontroller"])
    assert misfits["web"] == ["it takes or gives int8"]
    assert misfits["android"] == misfits["ethos-u"] == []
    assert client_misfits(files["web"])["ethos-u"] == [
        "it does not take and give int8",
        "it computes in float32",
        "it has operators unknown there (DEQUANTIZE)",
    ]


def test_a_free_batch_is_a_reason(model, tmp_path):
    path = tmp_path / "free.tflite"
    model.export(str(path), format="litert", verbose=False)
    for reasons in client_misfits(path).values():
        assert "its batch size is not fixed to 1" in reasons


def test_compiled_model_runs_them_whole(paths, files):
    plain = [files[name] for name in ("mediapipe", "web", "android")]
    every = [*paths.values(), *plain]
    assert runs_compiled(every) == dict.fromkeys(every, "")
    # Its fast kernels have no softmax of int8.
    (reason,) = runs_compiled([files["microcontroller"]]).values()
    assert reason == "CompiledModel leaves operators to a slower path"


def test_what_compiled_model_does_not_run_is_said(paths, tmp_path):
    damaged = tmp_path / "a.tflite"
    damaged.write_bytes(b"TFL3" * 9)
    found = runs_compiled([damaged, paths["int8"]])
    assert found[paths["int8"]] == "" and found[damaged]


def test_targets_that_no_file_can_serve_are_refused_before_work(tmp_path):
    gray = tiny.plain_net(channels=1)
    images = tiny.images(100)
    with pytest.raises(ValueError, match="hands over 3.*takes 3.*takes 1"):
        export_all(gray, tmp_path, images, targets=("web", "mediapipe"))
    many = tiny.plain_net(channels=4)
    with pytest.raises(ValueError, match="'mediapipe'.*model that takes 4"):
        export_all(many, tmp_path, images, targets=("mediapipe",))
    with pytest.raises(ValueError, match="mediapipe, web.*Received: 'ios'"):
        export_all(gray, tmp_path, images, targets=("ios",))
    two = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    x = keras.layers.Flatten()(keras.layers.Add()(two))
    pair = keras.Model(two, keras.layers.Dense(2)(x))
    for target in CLIENTS:
        with pytest.raises(
            ValueError, match="Expected: one input of fixed size"
        ):
            export_all(pair, tmp_path, images, targets=(target,))
    assert not list(tmp_path.iterdir())


def test_a_mean_for_each_channel_is_a_layer_of_the_file(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Normalization(
        mean=[0.48, 0.45, 0.4], variance=[0.05, 0.06, 0.07]
    )(inputs)
    net = tiny.plain_net(channels=3)
    model = keras.Model(inputs, net(x))
    images = tiny.images(100, channels=3)
    files = export_all(
        model, tmp_path, images, formats=(), targets=("mediapipe", "ethos-u")
    )
    expected = probabilities_of(np.asarray(model(images)))
    for target, path in files.items():
        assert client_misfits(path)[target] == []
        found = LiteRTModel(path)(images)
        assert np.mean(found.argmax(1) == expected.argmax(1)) > 0.9


def test_a_range_for_each_channel_is_refused(model, images, tmp_path):
    with pytest.raises(ValueError, match="`value_range`.*low, high"):
        export_all(
            model,
            tmp_path,
            images,
            formats=(),
            targets=("mediapipe",),
            value_range=((0, 0, 0), (1, 1, 1)),
        )
