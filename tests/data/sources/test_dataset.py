import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import files
from tests.support import tiny
from tfdcu import data


def dataset(num=10, **options):
    return tf.data.Dataset.from_tensor_slices(
        (tiny.images(num, **options), tiny.labels(num))
    )


def test_batched_and_unbatched_datasets_are_equal():
    for each in (dataset(), dataset().batch(4), dataset().padded_batch(4)):
        source = data.open_source(each)
        assert source.num_images == 10 and source.image_shape == (8, 8, 1)
        np.testing.assert_array_equal(data.images_of(source), tiny.images(10))
        np.testing.assert_array_equal(source.labels(), tiny.labels(10))


def test_labels_and_weights_are_dropped():
    weighted = dataset().map(lambda x, y: (x, y, 1.0))
    np.testing.assert_array_equal(
        data.open_source(weighted).labels(), tiny.labels(10)
    )
    assert not data.open_source(weighted, labeled=False).labeled


def test_images_of_any_size_are_resized():
    def images():
        for size in (4, 6, 8):
            yield np.full((size, size + 1, 1), 10 * size, "uint8")

    spec = tf.TensorSpec((None, None, 1), tf.uint8)
    mixed = tf.data.Dataset.from_generator(images, output_signature=spec)
    source = data.open_source(mixed, labeled=False, image_shape=(5, 5, 3))
    assert source.num_images == 3
    np.testing.assert_allclose(
        data.images_of(source)[:, 2, 2, 0] * 255, [40, 60, 80], rtol=1e-5
    )
    with pytest.raises(ValueError, match="no fixed size"):
        data.open_source(mixed, labeled=False)


def test_reshuffling_is_detected():
    shuffled = dataset().shuffle(10)
    assert not data.open_source(shuffled).fixed_order
    fixed = dataset().shuffle(10, reshuffle_each_iteration=False)
    assert data.open_source(fixed).fixed_order


def test_invalid_datasets():
    with pytest.raises(ValueError, match="is infinite"):
        data.open_source(dataset().repeat())
    with pytest.raises(ValueError, match="is empty"):
        data.open_source(dataset().take(0))
    with pytest.raises(ValueError, match="is empty"):
        data.open_source(dataset().filter(lambda x, y: False))
    with pytest.raises(ValueError, match=r"Invalid elements.*\(image, label\)"):
        data.open_source(dataset().map(lambda x, y: x))
    with pytest.raises(ValueError, match="Invalid elements"):
        data.open_source(tf.data.Dataset.range(3), labeled=False)
    with pytest.raises(ValueError, match="out of range"):
        data.open_source(dataset().map(lambda x, y: (255.0 * x, y)))


def test_nan_beyond_the_first_images_stops_the_reading():
    images = tiny.images(100)
    images[90] = np.nan
    source = data.open_source(
        tf.data.Dataset.from_tensor_slices(images), labeled=False
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels of the"):
        list(source.dataset)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("kind", ["one-hot", "names"])
def test_labels_that_are_not_indices_are_refused(batched, kind):
    labels = tiny.labels(8)
    wrong = np.eye(4)[labels] if kind == "one-hot" else labels.astype("U")
    pairs = tf.data.Dataset.from_tensor_slices((tiny.images(8), wrong))
    with pytest.raises(ValueError, match="labels of.*argmax"):
        data.open_source(pairs.batch(4) if batched else pairs)


@pytest.mark.parametrize("batched", [False, True])
def test_integral_floats_in_a_column_are_labels(batched):
    labels = tiny.labels(8).astype("float32")[:, None]
    pairs = tf.data.Dataset.from_tensor_slices((tiny.images(8), labels))
    source = data.open_source(pairs.batch(4) if batched else pairs)
    np.testing.assert_array_equal(source.labels(), tiny.labels(8))
    halves = tf.data.Dataset.from_tensor_slices((tiny.images(8), labels / 2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="whole number"):
        data.open_source(halves).labels()


def test_a_dataset_of_keras_keeps_its_class_names(tmp_path):
    files.class_folder(tmp_path, ("ant", "bee", "cat"), num=2)
    dataset = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(8, 8), batch_size=4, shuffle=False, verbose=False
    )
    options = {"value_range": (0, 255)}
    source = data.open_source(dataset, **options)
    assert source.classes == ("ant", "bee", "cat")
    assert source.num_images == 6
    order = ("cat", "ant", "bee")
    source = data.open_source(dataset, classes=order, **options)
    assert source.labels().tolist() == [1, 1, 2, 2, 0, 0]
    with pytest.raises(ValueError, match=r"some of.*unknown \['cat'\]"):
        data.open_source(dataset, classes=("ant", "bee"), **options)
    pool = data.open_source(dataset, labeled=False, **options)
    assert pool.classes is None and not pool.labeled
