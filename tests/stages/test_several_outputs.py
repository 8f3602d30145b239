"""Laws of runs of teachers with several outputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfdcu
from tests.support.runs import SHORT
from tfdcu.graph.answers import Answer
from tfdcu.graph.answers import Answers
from tfdcu.search.objective import Objective
from tfdcu.stages.mistakes import find_mistakes

SIZE = 8


def scenes(num, seed):
    """Bars, flat or upright: which, whether far right or far down, where."""
    draw = np.random.default_rng(seed)
    images = draw.uniform(0, 0.1, (num, SIZE, SIZE, 1)).astype("float32")
    upright, place = draw.integers(2, size=num), draw.integers(6, size=num)
    bars = np.zeros((num, SIZE, SIZE), "int32")
    for image, bar, turned, start in zip(images, bars, upright, place):
        area = np.s_[start : start + 2]
        bar[(slice(None), area) if turned else area] = 1
        image[bar == 1] += 0.6
    far = place > 2
    tags = np.stack([far & (upright == 1), far & (upright == 0)], -1)
    return images, {"way": upright, "far": tags, "bar": bars}


def network(as_list=False):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    flat = layers.Flatten()(x)
    outputs = [
        layers.Dense(2, activation="softmax", name="way")(flat),
        layers.Dense(2, activation="sigmoid", name="far")(flat),
        layers.Conv2D(1, 1, activation="sigmoid", name="bar")(x),
    ]
    if not as_list:
        outputs = dict(zip(("way", "far", "bar"), outputs))
    return keras.Model(inputs, outputs)


@pytest.fixture(scope="module")
def teacher():
    model = network()
    model.compile(
        keras.optimizers.Adam(5e-3),
        {
            "way": "sparse_categorical_crossentropy",
            "far": "binary_crossentropy",
            "bar": "binary_crossentropy",
        },
    )
    x, y = scenes(512, 0)
    model.fit(x, {**y, "bar": y["bar"][..., None]}, epochs=8, verbose=0)
    return model


def compress(teacher, folder):
    return tfdcu.compress(
        teacher,
        scenes(60, 1),
        scenes(200, 2)[0],
        validation=scenes(40, 4),
        test=scenes(80, 3),
        batches={"augment": "color"},
        baseline=True,
        quantization={"weight_bits": 4, "epochs": 1},
        workdir=folder,
        **SHORT,
    )


@pytest.fixture(scope="module")
def run(teacher, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, compress(teacher, folder)


def by_hand(model, images, labels):
    """Share of right answers of each output."""
    outputs = model(images)
    chosen = {
        "way": np.argmax(outputs["way"], -1),
        "far": np.asarray(outputs["far"]) > 0,
        "bar": np.asarray(outputs["bar"])[..., 0] > 0,
    }
    return {name: np.mean(chosen[name] == labels[name]) for name in labels}


def test_a_run_measures_the_mean_over_the_outputs(run):
    folder, report = run
    assert not report["failed"]
    rows = {(row["name"], row["format"]): row for row in report["rows"]}
    images, labels = scenes(80, 3)
    student = keras.models.load_model(folder / "student.keras")
    assert set(student.output) == {"way", "far", "bar"}
    for kind, model in {
        "keras": student,
        "float32": tfdcu.LiteRTModel(folder / "student_float32.tflite"),
        "int8_weight4": tfdcu.LiteRTModel(
            folder / "student_int8_weight4.tflite"
        ),
    }.items():
        right = by_hand(model, images, labels)
        accuracy = rows["student", kind]["accuracy"]
        assert accuracy == pytest.approx(np.mean([*right.values()]))
        assert accuracy > 0.9
        note = next(n for n in report["notes"] if "mean over the outputs" in n)
        for name, share in right.items():
            assert f"{name} {100 * share:.1f}" in note
    assert rows["student", "float32"]["agreement"] > 0.999
    assert ("labels only", "keras") in rows


def test_the_report_names_classes_by_output(run):
    folder, report = run
    named = [one["class"] for one in report["mistakes"]["by_class"]]
    assert named == [
        *("bar: 0", "bar: 1", "far: 0", "far: 1", "way: 0", "way: 1")
    ]
    assert report["diagnosis"]["num_classes"] == 6
    assert report["diagnosis"]["labeled_accuracy"] > 0.95
    assert (folder / "report.html").exists()
    history = report["history"]["student"]
    assert {"way_accuracy", "far_accuracy", "bar_accuracy"} <= set(history)
    assert not {"way_loss", "far_loss", "bar_loss"} & set(history)
    assert "val_way_accuracy" in history


def test_a_finished_run_is_the_same_run(run, teacher):
    folder, report = run
    assert compress(teacher, folder) == report


def test_the_order_of_outputs_and_labels_does_not_matter(teacher, tmp_path):
    images, labels = scenes(40, 5)
    ends = [teacher.output[name] for name in ("way", "bar", "far")]
    listed = keras.Model(teacher.input, ends)
    turned = dict(reversed(labels.items()))
    batches = tf.data.Dataset.from_tensor_slices((images, turned)).batch(7)
    path, names = tmp_path / "t.tflite", {"way": ["flat", "upright"]}
    file = tfdcu.export_litert(teacher, path, images=images, classes=names)
    expected = tfdcu.evaluate(teacher, (images, labels))
    for model in (teacher, listed, file):
        for source in ((images, turned), batches):
            assert tfdcu.evaluate(model, source) == expected
    found = tfdcu.evaluate(listed, images, against=file, labeled=False)
    assert found["agreement"] == 1
    assert found["outputs"]["bar"] == {"accuracy": None, "agreement": 1}


def test_models_of_other_outputs_are_not_compared(teacher):
    images, _ = scenes(9, 5)
    one = keras.Model(teacher.input, teacher.output["way"])
    two = keras.Model(
        teacher.input,
        {"turn": teacher.output["way"], "far": teacher.output["far"]},
    )
    for model, other in ((teacher, one), (one, teacher), (teacher, two)):
        with pytest.raises(ValueError, match="answer different things.*again"):
            tfdcu.evaluate(model, images, against=other, labeled=False)


@pytest.mark.slow
def test_without_labels(teacher, tmp_path, no_pictures):
    report = tfdcu.compress(
        network(as_list=True),
        None,
        scenes(60, 2)[0],
        workdir=tmp_path / "run",
        **{**SHORT, "export": {"formats": ("float32",)}},
    )
    assert not report["failed"]
    assert report["rows"][-1]["agreement"] > 0.999


def test_a_single_label_from_compress_to_evaluate(tmp_path, no_pictures):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    x = layers.Flatten()(layers.Conv2D(16, 3, activation="relu")(x))
    way = layers.Dense(2, "softmax", name="way")(x)
    far = layers.Dense(1, "sigmoid", name="far")(x)
    teacher = keras.Model(inputs, {"way": way, "far": far})

    def labeled(num, seed, shape):
        images, labels = scenes(num, seed)
        far = labels["far"].any(-1).astype("int32")
        return images, {"way": labels["way"], "far": far.reshape(shape)}

    test = labeled(30, 3, (-1, 1))
    report = tfdcu.compress(
        teacher,
        labeled(20, 1, (-1,)),
        scenes(60, 2)[0],
        test=test,
        workdir=tmp_path / "run",
        **{
            **SHORT,
            "export": {"formats": ("float32",)},
            "training": {"epochs": 1},
        },
    )
    assert not report["failed"]
    rows = {(row["name"], row["format"]): row for row in report["rows"]}
    for name, file in (("keras", ".keras"), ("float32", "_float32.tflite")):
        path = tmp_path / "run" / f"student{file}"
        for labels in (test[1]["far"], test[1]["far"][:, 0]):
            found = tfdcu.evaluate(path, (test[0], {**test[1], "far": labels}))
            accuracy = rows["student", name]["accuracy"]
            assert found["accuracy"] == pytest.approx(accuracy)


def test_a_search_s_quality_is_that_of_evaluate(teacher):
    images, labels = scenes(40, 4)
    splits = tfdcu.data.prepare(
        None,
        scenes(60, 2)[0],
        2,
        (images, labels),
        label_shape={"way": (), "far": (2,), "bar": (SIZE, SIZE)},
        image_shape=(SIZE, SIZE, 1),
        pool_validation=20,
    )
    for quality in "accuracy", "agreement":
        objective = Objective(teacher, quality, "macs", None, 0.0)
        found = objective.quality_of(teacher, splits)
        expected = tfdcu.evaluate(teacher, (images, labels))["accuracy"]
        assert found == (expected if quality == "accuracy" else 1)


def test_new_mistakes_of_any_output_count():
    answers = Answers(
        {"a": Answer("classes", (2,)), "b": Answer("labels", (2,))}
    )
    labels = np.array([[0, 1, 0], [1, 0, 1], [1, 1, 1]])
    teacher, student = labels.copy(), labels.copy()
    teacher[0, 0], student[1, 2] = 1, 0
    found = find_mistakes(
        teacher, student, labels, {"a": ["no", "yes"]}, answers
    )
    # An image that the teacher mistakes too is no new one.
    assert found["new"] == 1
    assert found["by_class"] == [
        {"class": "a: no", "images": 1, "teacher": 0.0, "student": 1.0},
        {"class": "a: yes", "images": 2, "teacher": 1.0, "student": 1.0},
        {"class": "b: 0", "images": 2, "teacher": 1.0, "student": 1.0},
        {"class": "b: 1", "images": 2, "teacher": 1.0, "student": 2 / 3},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": {"classes": ["a", "b"]}}, "several outputs.*data.classes"),
        ({"targets": {"views": 2}}, "several outputs.*targets.views"),
        ({"export": {"targets": ("web",)}}, "several outputs.*export.targets"),
        ({"export": {"output": "probabilities"}}, "several outputs.*output"),
        ({"batches": {"augment": "flip_crop"}}, "several outputs.*augment"),
    ],
)
def test_what_several_outputs_do_not_have(tmp_path, options, message):
    options = {**SHORT, "workdir": tmp_path / "run", **options}
    with pytest.raises(ValueError, match=message):
        tfdcu.compress(network(), scenes(9, 1), scenes(20, 2)[0], **options)
    assert not (tmp_path / "run").exists()


def test_a_student_of_other_outputs_is_refused(tmp_path):
    teacher = network()
    both = {"way": teacher.output["way"], "far": teacher.output["far"]}
    student = keras.Model(teacher.input, both)
    options = {**SHORT, "channels": None, "workdir": tmp_path / "run"}
    with pytest.raises(ValueError, match="different things.*'bar'"):
        tfdcu.compress(
            teacher, None, scenes(20, 2)[0], student=student, **options
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_pixels_of_another_kind_and_a_given_student(tmp_path, no_pictures):
    report = tfdcu.compress(
        network(),
        scenes(20, 1),
        scenes(60, 2)[0],
        student=network(as_list=True),
        preprocess=((0.5,), (0.5,)),
        workdir=tmp_path / "run",
        **{**SHORT, "channels": None, "export": {"formats": ("float32",)}},
    )
    assert not report["failed"]
    assert report["rows"][-1]["agreement"] > 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y["way"], "a dict with labels for each of .*ndarray"),
        (lambda y: {"way": y["way"]}, r"each of \['bar', 'far', 'way'\]"),
        (lambda y: {**y, "way": y["far"]}, "for 'way' do not fit its images"),
        (lambda y: {**y, "way": y["way"] + 1}, "0 to 1 for 2 classes"),
        (lambda y: {**y, "far": 2 * y["far"]}, "0 to 1 for 2 classes"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, change, message):
    images, labels = scenes(20, 1)
    few = images, change(labels)
    options = {**SHORT, "workdir": tmp_path / "run"}
    with pytest.raises(ValueError, match=message):
        tfdcu.compress(network(), few, scenes(20, 2)[0], **options)
    if isinstance(few[1], dict):
        batches = tf.data.Dataset.from_tensor_slices(few)
        with pytest.raises(ValueError, match=message):
            tfdcu.compress(network(), batches, scenes(20, 2)[0], **options)
    assert not (tmp_path / "run").exists()
