"""Laws of the stage: short, after the training, and what files are made of."""

import json

import keras
import numpy as np
import pytest

from tests.support import small_run
from tests.support import tiny
from tests.support.runs import run_of
from tfdcu.quantization import quantize_aware
from tfdcu.stages.export import students
from tfdcu.stages.quantize import with_short_training


@pytest.fixture(scope="module")
def quantized():
    return quantize_aware(
        tiny.plain_net(), images=tiny.images(8), weight_bits=4
    )


def test_training_is_a_sixth_as_long_at_a_tenth_of_the_rate(quantized):
    training = {"epochs": 24, "learning_rate": 0.5, "weight_decay": 0.0}
    run = run_of(None, None, training=training)
    own = with_short_training(run, quantized, None).config["training"]
    assert own == {
        "epochs": 4,
        "learning_rate": 0.05,
        "weight_decay": 0.0,
        "optimizer": "adam",
    }
    own = with_short_training(run, quantized, 7).config["training"]
    assert (own["epochs"], own["learning_rate"]) == (7, 0.05)
    assert run.config["training"] == training


@pytest.mark.parametrize(
    ("given", "left"),
    [("relu1", True), (("conv1", "bn1"), False), ({"bn1": "bn1"}, False)],
)
def test_layers_that_were_folded_are_not_named(quantized, given, left):
    run = run_of(None, None, transfer={"align_layers": given, "mimic": "kl"})
    own = with_short_training(run, quantized, None).config["transfer"]
    assert own["mimic"] == "kl"
    assert ("align_layers" in own) == left


def test_integers_come_from_the_model_that_learned_them(quantized):
    student = tiny.plain_net()
    models = {"student": student, "quantized": quantized}
    export = {
        "formats": ("int8", "int8_weight4"),
        "targets": ("web",),
        "sparse": True,
        "io": "int8",
    }
    floats, integers = students(models, export)
    assert floats == (
        student,
        "student",
        {"formats": ["int8"], "sparse": True, "io": "int8"},
    )
    assert integers == (
        quantized,
        "student",
        {"formats": ["int8_weight4"], "targets": ("web",), "io": "int8"},
    )
    assert students({"student": student}, export) == [
        (student, "student", export)
    ]


def test_a_run_ends_with_files_of_4_bits_and_its_zeros(tmp_path):
    record = small_run.run(
        tmp_path,
        quantization={"weight_bits": 4},
        training={"epochs": 1},
        baseline=False,
    )
    kinds = [row["format"] for row in record["rows"]]
    assert kinds.count("int8_weight4") == 1
    model = keras.models.load_model(tmp_path / "run" / "quantized.keras")
    zeros = np.mean(model.get_layer("conv2").kernel.numpy() == 0)
    assert zeros == pytest.approx(0.5, abs=0.01)
    history = json.loads(
        (tmp_path / "run" / "training" / "quantized.json").read_text("utf-8")
    )
    assert len(history["loss"]) == 1
