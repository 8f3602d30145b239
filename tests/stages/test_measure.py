"""Laws of measuring: rows that say what was counted, by hand."""

import keras
import numpy as np
import pytest

import tfdcu
from tests.support import tiny
from tfdcu.data import images_of
from tfdcu.data import prepare
from tfdcu.stages.export import export_model
from tfdcu.stages.export import export_models
from tfdcu.stages.export import images_for_export
from tfdcu.stages.measure import NUM_POOL_IMAGES
from tfdcu.stages.measure import measure_models
from tfdcu.stages.measure import slow_dynamic
from tfdcu.stages.measure import some_of_the_pool
from tfdcu.stages.measure import table_images
from tfdcu.stages.measure import where_files_run

NONE_HELD_OUT = {
    "num_classes": 4,
    "image_shape": (8, 8, 1),
    "pool_validation": 0,
}
POOL = tiny.images(60, seed=1)
TEST = tiny.images(20, seed=2), tiny.labels(20)


def opened(**options):
    return prepare(
        tiny_few(), POOL, num_classes=4, image_shape=(8, 8, 1), **options
    )


def tiny_few():
    return tiny.images(8), tiny.labels(8)


def choices(model, images):
    return np.argmax(model.predict(images, verbose=0), axis=-1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    models = {
        "teacher": tiny.linear_net(),
        "student": tiny.linear_net(seed=4),
    }
    folder = tmp_path_factory.mktemp("run")
    splits = opened(test=TEST, pool_validation=10)
    files, _ = export_models(
        models, splits, folder, formats=("float32", "float16")
    )
    rows, notes, _ = measure_models(models, files, splits)
    return models, files, splits, (rows, notes)


def test_the_teachers_file_comes_first_then_all_of_the_students(run):
    models, files, _, _ = run
    assert list(files) == [
        ("teacher", "float32"),
        ("student", "float32"),
        ("student", "float16"),
    ]
    for (name, kind), path in files.items():
        assert path.name == f"{name}_{kind}.tflite"
        assert path.with_suffix(".json").exists()


@pytest.mark.parametrize(
    "num_labeled, num_own", [(12, 12), (99, 99), (100, 100), (200, 110)]
)
def test_labeled_images_calibrate_and_pool_images_are_added_to_few(
    num_labeled, num_own
):
    few = tiny.images(num_labeled), tiny.labels(num_labeled)
    splits = prepare(few, POOL, num_classes=4, image_shape=(8, 8, 1))
    calibration, check = images_for_export(splits, 110)
    np.testing.assert_array_equal(check, images_of(splits.unlabeled, 110))
    own, joined = calibration[:num_own], calibration[num_own:]
    np.testing.assert_array_equal(own, images_of(splits.labeled, num_own))
    wanted = 0 if num_labeled >= 100 else min(len(check), 110 - num_own)
    np.testing.assert_array_equal(joined, check[:wanted])
    assert len(joined) == wanted


def test_int8_does_not_clip_values_beyond_those_of_the_pool(tmp_path):
    # All that the pool stirs is a tenth of what the labeled images stir.
    few = tiny.images(20), tiny.labels(20)
    model = tiny.plain_net()
    splits = prepare(few, POOL / 10, num_classes=4, image_shape=(8, 8, 1))
    files = export_model(
        model, splits, tmp_path, formats=("int8",), num_images=64
    )
    found = tfdcu.LiteRTModel(files["int8"])(few[0])
    np.testing.assert_allclose(
        found, model.predict(few[0], verbose=0), atol=0.02
    )


def test_without_labels_the_pool_calibrates():
    splits = prepare(None, POOL, **NONE_HELD_OUT)
    calibration, check = images_for_export(splits)
    np.testing.assert_array_equal(calibration, check)
    assert len(check) == 60


def test_students_are_compared_with_the_teacher(run):
    models, files, _, (rows, _) = run
    images, _ = TEST
    wanted = choices(models["teacher"], images)
    for row in rows:
        if row["name"] == "teacher":
            assert row["teacher_agreement"] is None
        elif row["format"] == "keras":
            own = choices(models["student"], images)
            assert row["teacher_agreement"] == np.mean(own == wanted)
        else:
            file = tfdcu.LiteRTModel(files["student", row["format"]])
            own = np.argmax(file(images), axis=-1)
            assert row["teacher_agreement"] == np.mean(own == wanted)


def test_rows_are_counted_by_hand(run):
    models, files, _, (rows, _) = run
    images, labels = TEST
    assert [(row["name"], row["format"]) for row in rows] == [
        ("teacher", "keras"),
        ("teacher", "float32"),
        ("student", "keras"),
        ("student", "float32"),
        ("student", "float16"),
    ]
    for row in rows:
        model = models[row["name"]]
        cost = tfdcu.profile(model)
        assert row["params"] == cost["params"]
        assert row["macs"] == cost["macs"]
        if row["format"] == "keras":
            assert row["accuracy"] == np.mean(choices(model, images) == labels)
            file_only = ("agreement", "bytes", "gzip_bytes", "latency_ms")
            assert {row[key] for key in file_only} == {None}
        else:
            path = files[row["name"], row["format"]]
            theirs = np.argmax(tfdcu.LiteRTModel(path)(images), axis=-1)
            assert row["bytes"] == path.stat().st_size
            assert row["accuracy"] == np.mean(theirs == labels)
            assert row["agreement"] == np.mean(theirs == choices(model, images))
            assert row["latency_ms"] > 0


def test_the_first_note_names_the_images_of_the_accuracy(run):
    _, _, splits, (_, notes) = run
    num = len(TEST[0])
    assert f"on the {num} test images." in notes[0]
    splits = opened(validation=TEST)
    assert f"on the {num} validation images." in table_images(splits)[1]
    splits = prepare(None, POOL, **NONE_HELD_OUT)
    assert "measured on 60 images of the pool" in table_images(splits)[1]


def test_the_second_note_is_the_agreement_on_held_out_images(run):
    models, _, splits, (_, notes) = run
    assert splits.pool_validation.num_images == 10
    images = np.stack(list(splits.pool_validation.dataset.as_numpy_iterator()))
    expected = np.mean(
        choices(models["teacher"], images) == choices(models["student"], images)
    )
    assert notes[1].startswith("On 10 held-out images of the pool")
    assert notes[1].endswith(f"{100 * expected:.1f} %.")


def test_without_labels_the_pool_measures_agreement(run):
    models, files, _, _ = run
    splits = prepare(None, POOL, **NONE_HELD_OUT)
    rows, notes, _ = measure_models(models, files, splits)
    assert {row["accuracy"] for row in rows} == {None}
    images = np.stack(list(splits.unlabeled.dataset.as_numpy_iterator()))
    for row in rows:
        if row["format"] != "keras":
            path = files[row["name"], row["format"]]
            theirs = np.argmax(tfdcu.LiteRTModel(path)(images), axis=-1)
            mine = choices(models[row["name"]], images)
            assert row["agreement"] == np.mean(theirs == mine)
    assert "60 training images" in notes[1]


def test_pool_images_are_taken_from_all_of_it():
    num = NUM_POOL_IMAGES + 500
    values = np.arange(num, dtype="float32") / num
    pool = np.broadcast_to(values[:, None, None, None], (num, 8, 8, 1))
    splits = prepare(None, pool, **NONE_HELD_OUT)
    some = some_of_the_pool(splits)
    assert some.num_images == NUM_POOL_IMAGES
    taken = [image[0, 0, 0] for image in some.dataset.as_numpy_iterator()]
    assert np.mean(taken) == pytest.approx(0.5, abs=0.01)
    assert len(set(map(float, taken))) == NUM_POOL_IMAGES


def test_each_file_of_the_student_is_explained_beside_the_teachers(
    run, monkeypatch
):
    models, files, splits, _ = run
    asked = []

    def explained(row, teacher, path):
        asked.append((row["name"], row["format"], teacher, path))
        return [f"About {row['format']}.", "True of each."]

    monkeypatch.setattr("tfdcu.stages.measure.explain", explained)
    rows, notes, _ = measure_models(models, files, splits)
    (whole,) = (
        row
        for row in rows
        if (row["name"], row["format"]) == ("teacher", "float32")
    )
    assert asked == [
        ("student", kind, whole, files["student", kind])
        for kind in ("float32", "float16")
    ]
    assert {"About float32.", "About float16."} < set(notes)
    assert notes.count("True of each.") == 1


def test_accuracy_is_of_the_test_images_where_there_are_both(run):
    models, files, _, (rows, _) = run
    images, labels = tiny.images(20, seed=3), (tiny.labels(20) + 1) % 4
    both = opened(test=TEST, validation=(images, labels))
    again, _, _ = measure_models(models, files, both)
    chosen = opened(validation=(images, labels))
    choosing, _, _ = measure_models(models, files, chosen)
    accuracies = [
        [row["accuracy"] for row in one] for one in (rows, again, choosing)
    ]
    assert accuracies[0] == accuracies[1] != accuracies[2]


def test_a_teacher_without_a_file_leaves_the_rest(tmp_path):
    inputs = keras.Input((8, 8, 1))
    # LiteRT has no built-in operator for it.
    x = keras.ops.inv(keras.ops.transpose(inputs, (0, 3, 1, 2)))
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(x))
    models = {
        "teacher": keras.Model(inputs, outputs),
        "student": tiny.linear_net(),
    }
    splits = opened(test=TEST)
    files, failed = export_models(
        models, splits, tmp_path, formats=("dynamic",)
    )
    assert list(files) == [("student", "dynamic")]
    assert "MatrixInverse" in failed["teacher float32"]
    rows, _, _ = measure_models(models, files, splits)
    assert [(row["name"], row["format"]) for row in rows] == [
        ("teacher", "keras"),
        ("student", "keras"),
        ("student", "dynamic"),
    ]
    rows, _, _ = measure_models(models, {}, splits)
    assert [row["latency_ms"] for row in rows] == [None, None]


def test_a_dynamic_file_slower_than_float32_is_said_to_be():
    def row(kind, milliseconds):
        return {"name": "student", "format": kind, "latency_ms": milliseconds}

    rows = [row("float32", 1.0), row("dynamic", 3.0)]
    (sentence,) = slow_dynamic(rows)
    assert "is 3.0 times as slow" in sentence and "weight8" in sentence
    assert slow_dynamic([row("float32", 1.0), row("dynamic", 1.0)]) == []
    assert slow_dynamic(rows[:1]) == slow_dynamic(rows[1:]) == []


def test_where_files_run_is_said_of_each(run):
    _, files, _, _ = run
    found = where_files_run(files)
    assert set(found) == {path.name for path in files.values()}
    said = found["student_float32.tflite"]
    assert said.startswith("CompiledModel, GPU (not mediapipe: its scores are")
    assert "not microcontroller: it does not take and give int8" in said
