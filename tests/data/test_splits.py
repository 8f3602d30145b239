import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu import data
from tfdcu.data.sources import source as source_lib
from tfdcu.stages.start import missing_classes


def arrays(num=40):
    return tiny.images(num), tiny.labels(num)


def rows(source):
    return {image.tobytes() for image in data.images_of(source)}


def test_few_labels_are_balanced_disjoint_and_correct():
    images, labels = arrays()
    known = dict(zip([i.tobytes() for i in images], labels, strict=True))
    few, validation = data.few_labels(
        arrays(), per_class=3, validation_per_class=2
    )
    assert np.bincount(few.labels()).tolist() == [3] * 4
    assert np.bincount(validation.labels()).tolist() == [2] * 4
    assert rows(few).isdisjoint(rows(validation))
    for part in (few, validation):
        for image, label in part.dataset.as_numpy_iterator():
            assert known[image.tobytes()] == label


def test_without_a_number_all_labels_are_used():
    images, labels = tiny.images(40), np.repeat([0, 1, 2], [28, 10, 2])
    every, validation = data.few_labels(
        (images, labels), validation_per_class=1
    )
    assert every.num_images == 37
    assert rows(every) | rows(validation) == {i.tobytes() for i in images}


def test_few_labels_is_a_pure_function_of_the_seed():
    first, _ = data.few_labels(arrays(), per_class=2, seed=1)
    again, _ = data.few_labels(arrays(), per_class=2, seed=1)
    other, _ = data.few_labels(arrays(), per_class=2, seed=2)
    np.testing.assert_array_equal(data.images_of(first), data.images_of(again))
    assert rows(first) != rows(other)


def test_more_labels_add_to_the_fewer():
    five, _ = data.few_labels(arrays(), per_class=5, validation_per_class=2)
    two, _ = data.few_labels(arrays(), per_class=2, validation_per_class=2)
    assert rows(two) < rows(five)


def test_streams_give_the_same_few_labels(monkeypatch):
    stream = tf.data.Dataset.from_tensor_slices(arrays())
    expected, _ = data.few_labels(arrays(), per_class=3)
    few, _ = data.few_labels(stream, per_class=3)
    assert few.lookup is not None
    np.testing.assert_array_equal(data.images_of(few), data.images_of(expected))
    monkeypatch.setattr(source_lib.Source, "fits_in_memory", lambda self: False)
    lazy, _ = data.few_labels(stream, per_class=3)
    assert lazy.lookup is None
    np.testing.assert_array_equal(
        data.images_of(lazy), data.images_of(expected)
    )


def test_few_labels_errors():
    with pytest.raises(ValueError, match=r"too few.*least 9.*{'0': 8, '1': 8"):
        data.few_labels(arrays(32), per_class=7, validation_per_class=2)
    with pytest.raises(ValueError, match="out of range.*0 to 2"):
        data.few_labels(arrays(), per_class=1, num_classes=3)
    with pytest.raises(ValueError, match="whole number.*5.0"):
        data.few_labels(arrays(), per_class=5.0)
    named = data.open_source(arrays(), classes=list("abcd"))
    with pytest.raises(ValueError, match="different number of classes.*5.*4: "):
        data.few_labels(named, per_class=1, num_classes=5)
    with pytest.raises(ValueError, match="Received: per_class=0"):
        data.few_labels(arrays(), per_class=0)
    shuffled = tf.data.Dataset.from_tensor_slices(arrays()).shuffle(40)
    with pytest.raises(ValueError, match="another order"):
        data.few_labels(shuffled, per_class=1)


@pytest.mark.parametrize("num", [10, 0.25, np.int64(10), np.float32(0.25)])
def test_hold_out_splits_all_images(num):
    images = tiny.images(40)
    for pool in (images, tf.data.Dataset.from_tensor_slices(images)):
        rest, held = data.hold_out(pool, num)
        assert (rest.num_images, held.num_images) == (30, 10)
        assert rows(rest).isdisjoint(rows(held))
        assert rows(rest) | rows(held) == {i.tobytes() for i in images}


def test_hold_out_errors():
    for num in (0, 40, -1, 0.001, 1.0, 2.5):
        with pytest.raises(
            ValueError,
            match="(Cannot hold out|Invalid value for `num`).*Received: num=",
        ):
            data.hold_out(tiny.images(40), num)
    shuffled = tf.data.Dataset.from_tensor_slices(tiny.images(40)).shuffle(40)
    with pytest.raises(ValueError, match="another order"):
        data.hold_out(shuffled, 4)


def test_held_out_images_depend_on_the_seed():
    held = [
        rows(data.hold_out(tiny.images(40), 10, seed=seed)[1])
        for seed in (1, 1, 2)
    ]
    assert held[0] == held[1] != held[2]
    first = {image.tobytes() for image in tiny.images(40)[:10]}
    assert first not in held


def test_labels_of_some_classes_only_are_enough():
    images, labels = tiny.images(6), np.array([0, 0, 2, 2, 2, 2])
    few, _ = data.few_labels((images, labels), per_class=2, num_classes=5)
    assert sorted(few.labels().tolist()) == [0, 0, 2, 2]
    with pytest.raises(ValueError, match="too few.*'0': 2"):
        data.few_labels((images, labels), per_class=3, num_classes=5)


def test_a_run_says_which_classes_have_no_labels():
    images, labels = tiny.images(4), np.array([0, 2, 2, 0])
    pool = tiny.images(9, seed=1)
    names = [f"class{index}" for index in range(9)]
    splits = data.prepare(
        (images, labels), pool, 9, image_shape=(8, 8, 1), classes=names
    )
    (sentence,) = missing_classes(splits, 9)
    assert "2 of 9 classes" in sentence and "class1, class3" in sentence
    assert "and 2 more" in sentence
    whole = data.prepare((images, labels // 2), pool, 2, image_shape=(8, 8, 1))
    assert missing_classes(whole, 2) == []
