"""Unlabeled images in batches, whatever form they come in."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.graph.batches import batches

IMAGES = np.arange(50, dtype="float32").reshape(50, 1, 1, 1)
FORMS = {
    "array": IMAGES,
    "dataset": tf.data.Dataset.from_tensor_slices(IMAGES).batch(20),
    "labeled": [(IMAGES[:20], None), (IMAGES[20:40], None), (IMAGES[40:], 0)],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", (7, 32, 64))
def test_all_come_once_in_order_and_no_batch_is_larger_than_asked(form, size):
    parts = list(batches(FORMS[form], size))
    assert max(len(part) for part in parts) <= size
    np.testing.assert_array_equal(np.concatenate(parts), IMAGES)


@pytest.mark.parametrize("form", ("dataset", "labeled"))
@pytest.mark.parametrize("limit", (1, 20, 33))
def test_no_more_come_than_the_limit(form, limit):
    parts = list(batches(FORMS[form], 7, limit))
    np.testing.assert_array_equal(np.concatenate(parts), IMAGES[:limit])


def test_of_an_array_the_limit_takes_evenly_spaced_ones():
    parts = list(batches(IMAGES, 2, 5))
    np.testing.assert_array_equal(
        np.concatenate(parts).ravel(), (0, 10, 20, 30, 40)
    )


def test_several_inputs_are_split_alike():
    both = {"inputs": [IMAGES, 2 * IMAGES]}
    parts = list(batches([both], 32))
    assert [len(first) for first, _ in parts] == [32, 18]
    for first, second in parts:
        np.testing.assert_array_equal(2 * first, second)
