"""Laws of evaluation: shares counted by hand, for every kind of model."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.support import files as image_files
from tests.support import tiny
from tfdcu.data import images_of
from tfdcu.data import open_source
from tfdcu.evaluate import predict

IMAGES, LABELS = tiny.images(20), tiny.labels(20)


def by_hand(model, images=IMAGES):
    return np.argmax(model.predict(images, verbose=0), axis=-1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A net as live model, `.keras` and `.h5` file."""
    folder = tmp_path_factory.mktemp("models")
    model = tiny.linear_net()
    for ending in ("keras", "h5"):
        model.save(folder / f"net.{ending}")
    return {"live": model, **{p.suffix: p for p in folder.iterdir()}}


@pytest.mark.parametrize("kind", ["live", ".keras", ".h5"])
def test_accuracy_is_the_share_of_correct_classes(files, kind):
    expected = np.mean(by_hand(files["live"]) == LABELS)
    assert tfdcu.evaluate(files[kind], (IMAGES, LABELS)) == {
        "accuracy": pytest.approx(expected),
        "agreement": None,
        "num_images": 20,
    }


def test_agreement_is_the_share_of_equal_classes(files):
    other = tiny.linear_net(seed=9)
    scores = tfdcu.evaluate(files["live"], IMAGES, against=other, labeled=False)
    expected = np.mean(by_hand(files["live"]) == by_hand(other))
    assert scores == {
        "accuracy": None,
        "agreement": pytest.approx(expected),
        "num_images": 20,
    }
    assert 0 < expected < 1
    assert (
        tfdcu.evaluate(files[".keras"], (IMAGES, LABELS), against=files[".h5"])[
            "agreement"
        ]
        == 1.0
    )


def test_a_litert_file_is_run_by_its_interpreter(files, tmp_path):
    path = tfdcu.export_litert(
        files["live"], tmp_path / "net.tflite", images=IMAGES
    )
    scores = tfdcu.evaluate(path, (IMAGES, LABELS), against=files["live"])
    assert scores["agreement"] == 1.0
    assert scores["accuracy"] == np.mean(by_hand(files["live"]) == LABELS)


def test_classes_and_value_range_are_read_from_a_litert_file(files, tmp_path):
    names = ["ant", "bee", "cow", "dog"]
    folders = [tmp_path / "test" / name for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
    for index, label in enumerate(LABELS):
        image = np.uint8(255 * IMAGES[index] + 0.5)
        path = folders[label] / f"{index}.png"
        keras.utils.save_img(path, image, scale=False)
    # The model's own order of the classes, and its own scale of pixels.
    order = [3, 1, 0, 2]
    scaled = keras.layers.Rescaling(1 / 255)(files["live"].input)
    logits = keras.ops.take(files["live"](scaled), order, axis=-1)
    model = keras.Model(files["live"].input, logits)
    path = tfdcu.export_litert(
        model,
        tmp_path / "net.tflite",
        images=255 * IMAGES,
        classes=[names[index] for index in order],
        value_range=(0, 255),
    )
    source = f"folder:{tmp_path / 'test'}"
    expected = tfdcu.evaluate(files["live"], source)["accuracy"]
    assert 0 < expected < 1
    scores = tfdcu.evaluate(path, source, against=model)
    assert (scores["accuracy"], scores["agreement"]) == (expected, 1.0)
    other_way_round = tfdcu.evaluate(model, source, against=path)
    assert other_way_round["accuracy"] == expected


def test_each_model_sees_the_images_at_its_own_size(files):
    small = tiny.linear_net(size=6)
    received = tfdcu.evaluate(
        files["live"], IMAGES, against=small, labeled=False
    )
    source = open_source(IMAGES, labeled=False, image_shape=(6, 6, 1))
    pixels = np.stack(list(source.dataset.as_numpy_iterator()))
    expected = np.mean(by_hand(files["live"]) == by_hand(small, pixels))
    assert received["agreement"] == pytest.approx(expected)


def test_an_opened_source_is_resized_for_the_model(files):
    source = open_source((IMAGES, LABELS))
    small = tiny.linear_net(size=6)
    scores = tfdcu.evaluate(small, source, against=files["live"])
    pixels = keras.ops.image.resize(IMAGES, (6, 6), antialias=True)
    expected = np.mean(by_hand(small, np.asarray(pixels)) == LABELS)
    assert scores["accuracy"] == pytest.approx(expected)


def test_an_opened_source_has_the_order_of_classes_of_the_model(files):
    source = open_source((IMAGES, LABELS), classes=list("abcd"))
    scores = tfdcu.evaluate(files["live"], source, classes=list("dcba"))
    expected = np.mean(by_hand(files["live"]) == 3 - LABELS)
    assert scores["accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "no splits"),
        ({"classes": list("abce")}, "not the teacher's"),
        ({"value_range": (0, 255)}, "another range.*0.0, 255.0.*0.0, 1.0"),
    ],
)
def test_options_that_do_not_fit_an_opened_source_are_refused(
    files, options, message
):
    source = open_source((IMAGES, LABELS), classes=list("abcd"))
    with pytest.raises(ValueError, match=message):
        tfdcu.evaluate(files["live"], source, **options)
    opened = open_source(IMAGES, labeled=False)
    assert tfdcu.evaluate(files["live"], opened)["accuracy"] is None


def test_pixels_up_to_1_are_refused_where_integers_are_taken():
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    images, labels = tiny.images(8), tiny.labels(8)
    with pytest.raises(ValueError, match=r"whole numbers.*=\(0, 255\).*uint8"):
        tfdcu.evaluate(model, (images, labels))
    found = tfdcu.evaluate(model, (255 * images, labels), value_range=(0, 255))
    assert found["num_images"] == 8
    with pytest.raises(ValueError, match="whole.*data.value_range=.0, 255"):
        tfdcu.compress(model, None, "digits", workdir="not_made")


def test_evaluation_changes_nothing(files):
    before = tiny.weights(files["live"])
    tfdcu.evaluate(files["live"], (IMAGES, LABELS))
    tiny.assert_same_weights(before, tiny.weights(files["live"]))


@pytest.mark.parametrize(
    ("model", "source", "message"),
    [
        ("live", (IMAGES, LABELS + 2), "labels from 0 to 3. Received: 5"),
        ("live", IMAGES, "labeled"),
        ("live", "nowhere", "Unknown source"),
        ("nowhere.keras", (IMAGES, LABELS), "nowhere.keras"),
        ("nowhere.tflite", (IMAGES, LABELS), "nowhere.tflite"),
        (3, (IMAGES, LABELS), "Received: 3 of type int"),
    ],
)
def test_invalid_models_and_sources_are_refused(files, model, source, message):
    with pytest.raises(ValueError, match=message):
        tfdcu.evaluate(files.get(model, model), source)


def test_two_models_are_not_compared_on_images_that_reshuffle(files):
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).shuffle(20)
    expected = np.mean(by_hand(files["live"]) == LABELS)
    scores = tfdcu.evaluate(files["live"], pairs)
    assert scores["accuracy"] == pytest.approx(expected)
    with pytest.raises(
        ValueError, match="two models would see different images"
    ):
        tfdcu.evaluate(files["live"], pairs, against=files[".h5"])


def test_a_model_of_any_size_takes_image_shape():
    images = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3)(images)
    model = keras.Model(images, keras.layers.GlobalMaxPooling2D()(x))
    scores = tfdcu.evaluate(model, (IMAGES, LABELS), image_shape=(6, 6, 1))
    assert scores == tfdcu.evaluate(
        model, open_source((IMAGES, LABELS), image_shape=(6, 6, 1))
    )
    tfdcu.evaluate(model, (IMAGES, LABELS))


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("end", ["sigmoid", None])
def test_one_number_is_two_classes(end, output, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    model.add(keras.layers.Rescaling(1, -0.5))
    model.add(keras.layers.Dense(1, activation=end))
    numbers = model.predict(IMAGES, verbose=0)[:, 0]
    found = (numbers > (0.5 if end else 0)).astype("int32")
    second = np.where(np.arange(20) < 5, 1 - found, found)
    assert {0, 1} == set(found)
    path = tmp_path / "one.tflite"
    names = ["cat"]
    tfdcu.export_litert(
        model, path, images=IMAGES, output=output, classes=names
    )
    for labels in (second, second[:, None]):
        scores = tfdcu.evaluate(model, (IMAGES, labels), against=path)
        assert (scores["accuracy"], scores["agreement"]) == (0.75, 1.0)
        scores = tfdcu.evaluate(path, (IMAGES, labels), against=model)
        assert (scores["accuracy"], scores["agreement"]) == (0.75, 1.0)
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="only number.*JSON file.*one.tflite"):
        tfdcu.evaluate(path, (IMAGES, second))


def test_one_label_among_several_outputs(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Rescaling(1, -0.5)(keras.layers.Flatten()(inputs))
    ends = {"kind": (3, "softmax"), "cat": (1, "sigmoid")}
    outputs = {n: keras.layers.Dense(*end)(x) for n, end in ends.items()}
    model = keras.Model(inputs, outputs)
    found = model.predict(IMAGES, verbose=0)
    cat = (found["cat"] > 0.5).astype("int32")
    assert {0, 1} == set(cat[:, 0])
    path = tfdcu.export_litert(model, tmp_path / "two.tflite", images=IMAGES)
    for labels in (cat, cat[:, 0]):
        y = {"kind": found["kind"].argmax(-1), "cat": labels}
        for one, other in ((model, path), (path, model)):
            scores = tfdcu.evaluate(one, (IMAGES, y), against=other)
            assert (scores["accuracy"], scores["agreement"]) == (1.0, 1.0)


def tagger():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, "sigmoid")(x))


TAGS = (np.random.default_rng(2).random((20, 3)) < 0.5).astype("int32")


def test_each_of_several_labels_counts(tmp_path):
    model = tagger()
    shares = model.predict(IMAGES, verbose=0)
    scores = tfdcu.evaluate(model, (IMAGES, TAGS))
    assert scores["accuracy"] == np.mean((shares > 0.5) == TAGS)
    by_hand = []
    for label, share in zip(TAGS.T, shares.T):
        ranked = label[np.argsort(-share)]
        at = np.flatnonzero(ranked)
        by_hand.append(np.mean(np.cumsum(ranked)[at] / (at + 1)))
    np.testing.assert_allclose(
        scores["mean_average_precision"], np.mean(by_hand)
    )
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, TAGS)).batch(8)
    assert tfdcu.evaluate(model, dataset) == scores
    for output in ("logits", "probabilities"):
        path = tfdcu.export_litert(
            model, tmp_path / "tags.tflite", images=IMAGES, output=output
        )
        found = tfdcu.evaluate(path, (IMAGES, TAGS), against=model)
        assert found == {**scores, "agreement": 1.0}
    with pytest.raises(ValueError, match="0 or 1 for each of the 3 labels"):
        tfdcu.evaluate(model, (IMAGES, LABELS))
    with pytest.raises(ValueError, match="argmax.*ends in sigmoids"):
        tfdcu.evaluate(tiny.linear_net(num_classes=3), (IMAGES, TAGS))


@pytest.mark.parametrize(("end", "classes"), [("softmax", 3), ("sigmoid", 1)])
def test_each_position_of_a_map_counts(tmp_path, end, classes):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    model = keras.Model(
        inputs, keras.layers.Conv2D(classes, 1, activation=end)(x)
    )
    shares = model.predict(IMAGES, verbose=0)
    chosen = shares.argmax(-1) if classes > 1 else shares[..., 0] > 0.5
    masks = (np.random.default_rng(0).random((20, 8, 8)) < 0.5).astype("int32")
    scores = tfdcu.evaluate(model, (IMAGES, masks))
    assert scores["accuracy"] == np.mean(chosen == masks)
    found = range(max(classes, 2))
    overlaps = [
        np.mean((chosen == c) & (masks == c))
        / np.mean((chosen == c) | (masks == c))
        for c in found
        if ((chosen == c) | (masks == c)).any()
    ]
    np.testing.assert_allclose(scores["mean_iou"], np.mean(overlaps))
    path = tfdcu.export_litert(model, tmp_path / "map.tflite", images=IMAGES)
    assert tfdcu.LiteRTModel(path)(IMAGES).shape == (20, 8, 8, classes)
    found = tfdcu.evaluate(path, (IMAGES, masks), against=model)
    assert found == {**scores, "agreement": 1.0}
    with pytest.raises(ValueError, match="a map with one class"):
        tfdcu.evaluate(model, (IMAGES, LABELS))


def test_a_source_of_another_size_is_converted_once():
    images = tiny.images(64, 12)
    model = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten()])
    opened = open_source(images, labeled=False, image_shape=(8, 8, 1))
    choices = predict(model, opened).choices
    once = open_source(images, labeled=False, image_shape=(5, 5, 1))
    np.testing.assert_array_equal(
        choices, np.argmax(images_of(once).reshape(64, 25), axis=-1)
    )
    twice = tf.image.resize(images_of(opened), (5, 5), antialias=True)
    twice = np.argmax(np.reshape(twice, (64, 25)), axis=-1)
    assert np.any(twice != choices)


def test_a_class_without_a_folder_moves_no_other(tmp_path):
    folder = image_files.class_folder(tmp_path, ("ant", "bee", "cow", "dog"))
    model = tiny.linear_net(channels=3)
    whole = tfdcu.evaluate(model, folder)
    shutil.rmtree(folder / "bee")
    with pytest.raises(ValueError, match="4 classes, or .*Received: 3: "):
        tfdcu.evaluate(model, folder)
    with pytest.raises(ValueError, match="4 classes, or .*Received: 3: "):
        tfdcu.diagnose(model, folder, folder)
    names = ["ant", "bee", "cow", "dog"]
    rest = tfdcu.evaluate(model, folder, classes=names)
    assert whole["num_images"] == 12 and rest["num_images"] == 9
