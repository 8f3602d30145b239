import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.support import files
from tests.support import tiny
from tfdcu import data


def labeled_source():
    return data.open_source((tiny.images(10), tiny.labels(10)))


def stream_source():
    arrays = (tiny.images(10), tiny.labels(10))
    return data.open_source(tf.data.Dataset.from_tensor_slices(arrays))


BOTH = pytest.mark.parametrize("make", [labeled_source, stream_source])


@BOTH
def test_dataset_batches_and_labels_are_the_arrays_in_order(make):
    source = make()
    images = np.stack([image for image, _ in source.dataset])
    np.testing.assert_array_equal(images, tiny.images(10))
    batches = list(source.batches(4))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    np.testing.assert_array_equal(
        np.concatenate([images for images, _ in batches]), tiny.images(10)
    )
    np.testing.assert_array_equal(source.labels(), tiny.labels(10))


@BOTH
def test_subset_keeps_the_order_and_the_labels(make):
    part = make().subset([7, 0, 3]).subset([0, 2])
    assert part.num_images == 2
    np.testing.assert_array_equal(part.labels(), tiny.labels(10)[[0, 7]])
    np.testing.assert_array_equal(data.images_of(part), tiny.images(10)[[0, 7]])


@BOTH
def test_in_memory_and_records_in_memory_change_nothing(make):
    source = make()
    for kept in (source.in_memory(), source.with_records_in_memory()):
        assert kept.lookup is not None
        np.testing.assert_array_equal(data.images_of(kept), tiny.images(10))
        np.testing.assert_array_equal(kept.labels(), tiny.labels(10))


def test_records_are_kept_when_one_is_looked_up_and_read_once():
    passes = []

    def read():
        passes.append(1)
        yield from range(5)

    spec = tf.TensorSpec((), tf.int64)
    stream = dataclasses.replace(
        labeled_source().without_labels(),
        num_images=5,
        records=tf.data.Dataset.from_generator(read, output_signature=spec),
        lookup=None,
    )
    source = stream.with_records_in_memory()
    assert not passes
    assert len(next(iter(source.batches(5)))) == 5
    assert len(passes) == 1
    looked_up = tf.data.Dataset.from_tensors([4, 2]).map(source.lookup)
    for _ in range(2):
        assert next(iter(looked_up)).numpy().tolist() == [4, 2]
        assert source.lookup(tf.constant([3])).numpy().tolist() == [3]
    assert len(passes) == 2


@BOTH
def test_without_labels(make):
    source = make().without_labels()
    assert not source.labeled
    np.testing.assert_array_equal(
        next(iter(source.batches(10))), tiny.images(10)
    )


def test_fits_in_memory_counts_float32_bytes():
    source = labeled_source()
    assert source.fits_in_memory(10 * 8 * 8 * 4)
    assert not source.fits_in_memory(10 * 8 * 8 * 4 - 1)


def opened_at(kind, size, folder):
    """A source of 12 x 12 photos in memory, in a file or in a folder."""
    images = np.round(255 * tiny.images(6, 12, 3)).astype("uint8")
    labels = tiny.labels(6, 2)
    shape = (size, size, 3)
    if kind == "arrays":
        return data.open_source((images, labels), image_shape=shape)
    if kind == "npz":
        np.savez(folder / "photos.npz", images=images, labels=labels)
        name = f"npz:{folder / 'photos.npz'}"
        return data.open_source(name, image_shape=shape)
    if not (folder / "a").exists():
        for index, image in enumerate(images):
            name = folder / "ab"[labels[index]] / f"{index}.png"
            files.write(name, files.encoded(image, "PNG"))
    return data.open_source(f"folder:{folder}", image_shape=shape)


@pytest.mark.parametrize("kind", ["arrays", "npz", "folder"])
def test_sized_converts_what_is_stored_and_only_once(kind, tmp_path):
    once = opened_at(kind, 5, tmp_path)
    larger = opened_at(kind, 8, tmp_path)
    sized = larger.subset([4, 1, 2]).sized((5, 5, 3))
    np.testing.assert_array_equal(
        data.images_of(sized), data.images_of(once)[[1, 2, 4]]
    )
    np.testing.assert_array_equal(sized.labels(), once.labels()[[1, 2, 4]])
    twice = larger.in_memory().sized((5, 5, 3))
    assert np.abs(data.images_of(twice) - data.images_of(once)).max() > 0.01


def test_sized_changes_no_unknown_size_and_no_other_input():
    source = labeled_source()
    assert source.sized((None, None, 1)) is source
    pair = np.ones((4, 9)), tiny.labels(4)
    signals = data.open_source(pair, image_shape=(9,))
    assert signals.sized((3,)) is signals


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        (8, 256, 256),
        (192, 256, 32),
        (192, 20, 16),
        (160, 256, 32),
        (3000, 9, 1),
    ],
)
def test_a_pass_takes_a_power_of_2_of_images_of_at_most_16_mib(
    size, most, expected
):
    images = np.zeros((1, size, size, 3), "uint8")
    source = data.open_source(images, labeled=False)
    assert source.at_once(most) == expected
    assert expected == 1 or expected * source.image_bytes <= 2**24
