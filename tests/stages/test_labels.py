"""A run with a teacher of several labels an image."""

import keras
import numpy as np
import pytest

import tfdcu
from tests.support import tiny
from tfdcu.graph.logits import is_multi_label

IMAGES = tiny.images(80)
TAGS = (np.random.default_rng(2).random((80, 5)) < 0.5).astype("int32")
FAST = {
    "channels": {"macs": 0.6, "round_to": 1, "rounds": 1},
    "training": {"epochs": 1},
    "batches": {"batch_size": 8},
    "export": {"formats": ("float32",), "min_agreement": 0},
}


def tagger():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(5, "sigmoid")(x))


@pytest.mark.parametrize("views", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_labels_are_mimicked_and_measured(tmp_path, views):
    record = tfdcu.compress(
        tagger(),
        (IMAGES[:20], TAGS[:20]),
        IMAGES[20:60],
        test=(IMAGES[60:], TAGS[60:]),
        workdir=tmp_path,
        targets={"views": views},
        baseline=not views,
        quantization={"weight_bits": 8, "epochs": 1},
        **FAST,
    )
    assert is_multi_label(keras.models.load_model(tmp_path / "quantized.keras"))
    student = keras.models.load_model(tmp_path / "student.keras")
    assert is_multi_label(student)
    rows = {(row["name"], row["format"]): row for row in record["rows"]}
    row = rows["student", "keras"]
    scores = tfdcu.evaluate(student, (IMAGES[60:], TAGS[60:]))
    assert row["accuracy"] == scores["accuracy"]
    assert row["mean_average_precision"] == scores["mean_average_precision"]
    assert "precision" in tfdcu.report.table(record["rows"])
    assert len(record["mistakes"]["by_class"]) == 5


def test_stored_targets_train_as_the_teacher_does(tmp_path):
    teacher = tagger()
    student = tfdcu.prune_channels(teacher, macs=0.6, round_to=1)
    start = student.get_weights()
    stored = tfdcu.teacher_targets(teacher, IMAGES, tmp_path / "pool")
    losses = []
    for model, targets in ((None, stored), (teacher, None)):
        student.set_weights(start)
        distiller = tfdcu.AlignedDistiller(student, model)
        distiller.compile(keras.optimizers.SGD(0.01))
        batches = tfdcu.data.training_batches(
            None, IMAGES, epochs=1, targets=targets
        )
        losses.append(distiller.fit(batches, verbose=0).history["mimic"][0])
    # Stored in half precision.
    np.testing.assert_allclose(*losses, rtol=1e-2)
    with pytest.raises(ValueError, match="top_k.*several labels"):
        tfdcu.teacher_targets(teacher, IMAGES, tmp_path / "few", top_k=2)


def test_labels_of_the_other_kind_are_refused_at_the_start(tmp_path):
    classes = np.arange(20) % 5
    with pytest.raises(ValueError, match="0 or 1 for each of the 5 labels"):
        tfdcu.compress(
            tagger(), (IMAGES[:20], classes), IMAGES[20:], workdir=tmp_path
        )
    with pytest.raises(ValueError, match="cannot be drawn by class"):
        tfdcu.compress(
            tagger(),
            (IMAGES[:20], TAGS[:20]),
            IMAGES[20:],
            data={"labels_per_class": 2},
            workdir=tmp_path,
        )


def test_a_function_of_sigmoids_is_refused(tmp_path):
    with pytest.raises(ValueError, match="do not sum to 1.*several labels"):
        tfdcu.teacher_targets(
            lambda images: np.full((len(images), 3), 0.9),
            IMAGES,
            tmp_path / "targets",
        )


def test_maps_have_no_stored_targets(tmp_path):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    with pytest.raises(ValueError, match="maps are for.*AlignedDistiller"):
        tfdcu.teacher_targets(model, IMAGES, tmp_path)
