"""Laws of runs of teachers that answer for each position of an image."""

import keras
import numpy as np
import pytest
from keras import layers

import tfdcu
from tests.support.runs import SHORT
from tfdcu import data
from tfdcu.data.augment.augment import viewing_maps
from tfdcu.graph.answers import Answer
from tfdcu.graph.answers import Answers
from tfdcu.pool.outputs import at_some_places
from tfdcu.stages.mistakes import find_mistakes

SIZE = 8
LABELED = np.zeros((4, SIZE, SIZE), "int32")


def scenes(num, seed, classes=3):
    """Images of bright and brighter bars, and the class of each pixel."""
    draw = np.random.default_rng(seed)
    images = draw.uniform(0, 0.1, (num, SIZE, SIZE, 1)).astype("float32")
    masks = np.zeros((num, SIZE, SIZE), "int32")
    for image, mask in zip(images, masks):
        kind, place = draw.integers(1, classes), draw.integers(SIZE - 2)
        image[place : place + 2] += 0.4 * kind
        mask[place : place + 2] = kind
    return images, masks


def unet(classes=3):
    """A trained network of two sizes with a skip connection."""
    keras.utils.set_random_seed(0)
    end = "softmax" if classes > 1 else "sigmoid"
    inputs = keras.Input((SIZE, SIZE, 1))
    fine = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    coarse = layers.MaxPooling2D()(fine)
    coarse = layers.Conv2D(16, 3, padding="same", activation="relu")(coarse)
    up = layers.Conv2DTranspose(16, 2, 2, activation="relu")(coarse)
    both = layers.concatenate([fine, up])
    model = keras.Model(inputs, layers.Conv2D(classes, 1, activation=end)(both))
    kind = "sparse_categorical" if classes > 1 else "binary"
    model.compile(keras.optimizers.Adam(1e-2), f"{kind}_crossentropy")
    x, y = scenes(256, 0, max(2, classes))
    y = y if classes > 1 else y[..., None]
    model.fit(x, y, epochs=6, batch_size=16, verbose=0)
    return model


@pytest.fixture(scope="module")
def teacher():
    return unet()


def test_a_run_ends_with_files_and_a_report_of_positions(teacher, tmp_path):
    few, test = scenes(40, 1), scenes(60, 3)
    np.savez(tmp_path / "pool.npz", images=scenes(200, 2)[0])
    arguments = (teacher, few, f"npz:{tmp_path}/pool.npz")
    options = {
        "test": test,
        "validation": scenes(40, 4),
        "batches": {"augment": ("flip_crop", "color")},
        "baseline": True,
        "workdir": tmp_path / "run",
        **SHORT,
    }
    report = tfdcu.compress(*arguments, **options)
    assert not report["failed"]
    rows = {(row["name"], row["format"]): row for row in report["rows"]}
    assert ("labels only", "keras") in rows
    for name in "keras", "float32", "int8":
        row = rows["student", name]
        suffix = (
            "student.keras" if name == "keras" else f"student_{name}.tflite"
        )
        found = tfdcu.evaluate(tmp_path / "run" / suffix, test)
        assert row["accuracy"] == found["accuracy"] > 0.97
        assert row["mean_iou"] == found["mean_iou"] > 0.9
    by_class = report["mistakes"]["by_class"]
    assert [one["images"] for one in by_class] == [
        int((test[1] == one).any((1, 2)).sum()) for one in range(3)
    ]
    text = (tmp_path / "run" / "report.md").read_text()
    assert "mean IoU" in text
    assert not (tmp_path / "run" / "USE.md").exists()
    assert tfdcu.compress(*arguments, **options) == report


@pytest.mark.slow
def test_masks_of_one_channel_and_no_labels(tmp_path):
    report = tfdcu.compress(
        unet(1),
        None,
        scenes(200, 2, 2)[0],
        test=scenes(60, 3, 2),
        workdir=tmp_path / "run",
        quantization={"weight_bits": 8, "epochs": 1},
        **SHORT,
    )
    assert not report["failed"]
    assert report["diagnosis"]["num_classes"] == 2
    for row in report["rows"]:
        assert row["accuracy"] > 0.97
        assert row["mean_iou"] > 0.9


@pytest.mark.slow
def test_a_class_for_each_token(tmp_path):
    def sentences(num, seed):
        ids = np.random.default_rng(seed).integers(0, 30, (num, 6))
        # Whether an id is above the one before it, or the same.
        before = np.roll(ids, 1, axis=1)
        return ids, (ids > before) + 2 * (ids == before)

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(30, 8)(inputs)
    x = layers.Conv1D(16, 3, padding="same", activation="relu")(x)
    x = layers.Dense(32, activation="relu")(x)
    tagger = keras.Model(inputs, layers.Dense(3)(x))
    few, test = sentences(40, 1), sentences(60, 3)
    report = tfdcu.compress(
        tagger,
        few,
        sentences(100, 2)[0],
        test=test,
        workdir=tmp_path / "run",
        **{**SHORT, "export": {"formats": ("float32",), "min_agreement": 0}},
    )
    found = tfdcu.evaluate(tmp_path / "run" / "student_float32.tflite", test)
    assert report["rows"][-1]["mean_iou"] == found["mean_iou"]
    with pytest.raises(ValueError, match="0 to 2 for 3 classes"):
        few = few[0], 3 * few[1]
        tfdcu.compress(tagger, few, few[0], workdir=tmp_path / "other")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"targets": {"views": 1}}, "not stored.*views=1.*8, 8, 3"),
        ({"batches": {"augment": "zoom"}}, "cannot follow.*augment='zoom'"),
        ({"data": {"labels_per_class": 2}}, "map each.*Received: 2"),
        ({"labeled": (scenes(4, 1)[0], np.arange(4) % 3)}, "one class index"),
        ({"labeled": (scenes(4, 1)[0], LABELED + 3)}, "0 to 2 .*: \\[3\\]"),
    ],
)
def test_what_maps_do_not_have_is_refused(teacher, options, message, tmp_path):
    arguments = {
        "labeled": scenes(20, 1),
        "unlabeled": scenes(20, 2)[0],
        "workdir": tmp_path / "run",
        **options,
    }
    with pytest.raises(ValueError, match=message):
        tfdcu.compress(teacher, **arguments)
    assert not (tmp_path / "run").exists()


def test_numbers_are_refused(tmp_path):
    inputs = keras.Input((SIZE, SIZE, 1))
    depth = layers.Conv2D(1, 3, padding="same", name="depth")(inputs)
    model = keras.Model(inputs, depth)
    model.compile(loss="mse")
    pool = scenes(20, 2)[0]
    with pytest.raises(ValueError, match="numbers of a regression"):
        tfdcu.compress(model, None, pool, workdir=tmp_path / "run")
    kinds = layers.Dense(3, name="kinds")(layers.Flatten()(depth))
    both = keras.Model(inputs, [depth, kinds])
    both.compile(loss=["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match="regression.*'depth', 'kinds'"):
        tfdcu.compress(both, None, pool, workdir=tmp_path / "run")
    with pytest.raises(ValueError, match="Nothing tells what.*'depth'"):
        both = keras.Model(inputs, [depth, kinds])
        tfdcu.compress(both, None, pool, workdir=tmp_path / "run")


def test_masks_move_with_their_images():
    images, masks = scenes(32, 5)
    source = data.open_source((images, masks), label_shape=(SIZE, SIZE))
    batches = data.training_batches(
        source, images, batch_size=32, augment=("color", "flip_crop")
    )
    move = viewing_maps("flip_crop", (SIZE, SIZE), images.shape[1:], 0)
    ids, numbers = np.arange(32), np.arange(32)
    moved = move(masks, ids, numbers).numpy()
    assert not np.array_equal(moved, masks)
    pairs = data.training_batches(source, images, augment="flip_crop")
    for (x, y), _ in pairs:
        bright = np.digitize(x.numpy()[..., 0], [0.25, 0.65])
        np.testing.assert_array_equal(bright, y)
    # The same draws as its image, whatever else is in the tuple.
    for (x, y), _ in batches:
        for image, mask in zip(x.numpy()[..., 0], y.numpy()):
            for low, high in zip(range(2), range(1, 3)):
                if {low, high} <= set(mask.ravel()):
                    assert image[mask == low].max() < image[mask == high].min()


def test_mistakes_of_maps_by_hand():
    labels = np.array([[0, 0, 1], [1, 1, 1]])
    teacher = np.array([[0, 0, 1], [1, 1, 0]])
    student = np.array([[0, 1, 1], [1, 1, 0]])
    found = find_mistakes(teacher, student, labels, ["sky", "sea"])
    assert found["new"] == 1
    assert found["by_class"] == [
        {"class": "sky", "images": 1, "teacher": 1.0, "student": 0.5},
        {"class": "sea", "images": 2, "teacher": 0.75, "student": 0.75},
    ]
    assert find_mistakes(teacher, student, None)["by_class"] == []


def test_mistakes_of_several_labels_a_place_by_hand():
    labels = np.zeros((2, 3, 2), int)
    labels[0, :, 1] = 1
    teacher, student = labels.copy(), labels.copy()
    student[0, 0] = 1, 0
    pairs = Answers({"": Answer("labels", (3, 2))})
    found = find_mistakes(teacher, student, labels, ["wet", "far"], pairs)
    assert found["new"] == 1
    assert found["by_class"] == [
        {"class": "wet", "images": 0, "teacher": 1.0, "student": 5 / 6},
        {"class": "far", "images": 1, "teacher": 1.0, "student": 5 / 6},
    ]


def test_logits_and_labels_are_looked_at_in_the_same_places():
    maps = np.arange(2 * 20 * 20).reshape(2, 20, 20)
    logits = np.stack([maps, -maps], -1)
    chosen = at_some_places(maps, 0)
    assert chosen.shape == (2, 64)
    np.testing.assert_array_equal(at_some_places(logits, 1)[..., 0], chosen)
    # Not all of one column.
    assert len(np.unique(chosen % 20)) > 10
    assert at_some_places(logits[:, 0, 0], 1).shape == (2, 2)
