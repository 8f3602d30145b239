"""Laws of the stage: short, after the training, and what files are made of."""

import json

import keras
import numpy as np
import pytest

from tests.support import not_images
from tests.support import small_run
from tests.support import tiny
from tests.support.runs import run_of
from tfdcu.data import prepare
from tfdcu.quantization import quantize_aware
from tfdcu.stages import distill as stage
from tfdcu.stages.export import students
from tfdcu.stages.quantize import default_epochs
from tfdcu.stages.quantize import untrained
from tfdcu.stages.quantize import with_short_training

QUICK = {
    "channels": {"macs": 0.5, "rounds": 1},
    "training": {"epochs": 1},
    "baseline": False,
}


@pytest.fixture(scope="module")
def quantized():
    return quantize_aware(
        tiny.plain_net(), images=tiny.images(8), weight_bits=4
    )


@pytest.mark.parametrize(
    ("epochs", "expected"), [(24, 2), (10, 1), (3, 1), (1, 1)]
)
def test_training_is_a_tenth_as_long(epochs, expected):
    run = run_of(
        None,
        None,
        training={"epochs": epochs},
        quantization={"weight_bits": 4},
    )
    assert default_epochs(run) == expected


def test_training_is_at_a_tenth_of_the_rate(quantized):
    training = {"epochs": 24, "learning_rate": 0.5, "weight_decay": 0.0}
    run = run_of(None, None, training=training)
    own = with_short_training(run, quantized, 4).config["training"]
    assert own == {
        "epochs": 4,
        "learning_rate": 0.05,
        "weight_decay": 0.0,
        "optimizer": "adam",
    }
    assert run.config["training"] == training


def test_it_only_mimics(quantized):
    given = {"label_weight": 2.0, "temperature": 3.0}
    run = run_of(None, None, transfer=given)
    own = with_short_training(run, quantized, 1).config["transfer"]
    assert own == given | {"label_weight": 0.0, "align_weight": 0.0}
    assert run.config["transfer"] == given


def test_without_mimicking_the_labels_stay(quantized):
    given = {"mimic_weight": 0.0, "label_weight": 2.0}
    run = run_of(None, None, transfer=given)
    assert with_short_training(run, quantized, 1).config["transfer"] == given


def test_inputs_without_pixels_need_no_range():
    net, data = not_images.table_net(), not_images.table
    values, _ = data(60)
    splits = prepare(data(30), values, not_images.CLASSES, image_shape=(6,))
    run = run_of(net, splits)
    run.models["student"] = net
    tiny.assert_same_function(net, untrained(run, 8), values, rtol=0.1)


@pytest.mark.parametrize(
    ("given", "left"),
    [("relu1", True), (("conv1", "bn1"), False), ({"bn1": "bn1"}, False)],
)
def test_layers_that_were_folded_are_not_named(quantized, given, left):
    run = run_of(None, None, transfer={"align_layers": given, "mimic": "kl"})
    own = with_short_training(run, quantized, 1).config["transfer"]
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


@pytest.mark.usefixtures("no_pictures")
def test_a_run_ends_with_files_of_4_bits_and_its_zeros(tmp_path):
    options = {"quantization": {"weight_bits": 4}, **QUICK}
    record = small_run.run(tmp_path, **options)
    kinds = [row["format"] for row in record["rows"]]
    assert kinds.count("int8_weight4") == 1
    model = keras.models.load_model(tmp_path / "run" / "quantized.keras")
    zeros = np.mean(model.get_layer("conv2").kernel.numpy() == 0)
    assert zeros == pytest.approx(0.5, abs=0.01)
    history = tmp_path / "run" / "training" / "quantized.json"
    before = history.read_bytes()
    assert len(json.loads(before)["loss"]) == 1
    # What is lost is made again, and is the same.
    trained = small_run.weights(tmp_path, "quantized")
    history.unlink()
    small_run.run(tmp_path, **options)
    assert history.read_bytes() == before
    again = small_run.weights(tmp_path, "quantized")
    assert all(map(np.array_equal, trained, again))


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_other_bits_are_trained_from_the_same_student(tmp_path, monkeypatch):
    small_run.run(tmp_path, **QUICK)
    folder = tmp_path / "run"
    student = (folder / "student.keras").read_bytes()

    def stopped(run):
        raise AssertionError("trained once more")

    monkeypatch.setattr(stage, "trained_student", stopped)
    for bits, kind in (4, "int8_weight4"), (8, "int8"), (None, None):
        record = small_run.run(
            tmp_path, quantization={"weight_bits": bits}, **QUICK
        )
        kinds = [row["format"] for row in record["rows"]]
        assert kinds == ["keras", "float32"] * 2 + [kind] * (kind is not None)
        assert (folder / "quantized.keras").exists() == (bits is not None)
        four = folder / "student_int8_weight4.tflite"
        assert four.exists() == (bits == 4)
        assert (folder / "student.keras").read_bytes() == student
