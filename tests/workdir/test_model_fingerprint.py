"""Fingerprints of models."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.models import build
from tfdcu.models import load
from tfdcu.workdir.fingerprint import fingerprint


def assert_steady(model, path):
    expected = fingerprint(model)
    assert len(expected) == 64 and int(expected, 16)
    model.compile("sgd", "mse")
    assert fingerprint(model) == expected
    model.save(path)
    for _ in range(2):
        assert fingerprint(load(path)) == expected
        # Auto-numbered names of other layers must not matter.
        keras.layers.Dense(1)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_saving_and_compiling_change_nothing(tmp_path, suffix):
    assert_steady(tiny.residual_net(), tmp_path / f"model{suffix}")


def test_saving_changes_no_application_either(tmp_path):
    shape = (32, 32, 3)
    model = build("MobileNetV3Small", num_classes=3, image_shape=shape)
    assert_steady(model, tmp_path / "model.keras")


@pytest.mark.slow
def test_another_process_agrees(tmp_path):
    model = tiny.plain_net()
    model.save(tmp_path / "model.keras")
    code = (
        "from tfdcu.models import load;"
        "from tfdcu.workdir.fingerprint import fingerprint;"
        f"print(fingerprint(load('{tmp_path}/model.keras')))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert out.stdout.split()[-1] == fingerprint(model)


def test_one_bit_of_one_weight_matters():
    model = tiny.plain_net()
    before = fingerprint(model)
    bias = model.get_layer("logits").bias
    value = bias.numpy()
    value[0] = np.nextafter(value[0], np.float32(2))
    bias.assign(value)
    assert fingerprint(model) != before


def test_architecture_matters_though_weights_agree():
    prints = {
        fingerprint(
            keras.Sequential(
                [
                    keras.Input((4,)),
                    keras.layers.Dense(
                        2,
                        activation=activation,
                        kernel_initializer="ones",
                        name="scores",
                    ),
                ],
                name="model",
            )
        )
        for activation in (None, "relu", "softmax")
    }
    assert len(prints) == 3
