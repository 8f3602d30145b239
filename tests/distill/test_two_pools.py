"""The parts of a batch by its structure."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdcu.distill.two_pools import all_images
from tfdcu.distill.two_pools import split_pools


def test_parts_of_a_batch():
    x, y, w, u, t = (np.zeros(1) for _ in range(5))
    for data, expected in (
        (((x, y), u), ((x, y, None), u, None)),
        (((x, y, w), u), ((x, y, w), u, None)),
        ((u,), (None, u, None)),
        (((x, y), u, (t, t)), ((x, y, None), u, (t, t))),
        (((), u, (t,)), (None, u, (t,))),
        ((x, y), ((x, y, None), None, None)),
        ((x, y, w), ((x, y, w), None, None)),
    ):
        received = split_pools(data)
        keras.tree.assert_same_structure(received, expected)
        assert all(
            one is other
            for one, other in zip(
                keras.tree.flatten(received), keras.tree.flatten(expected)
            )
        )


@pytest.mark.parametrize(
    ("labeled", "pool", "expected"),
    [
        ("uint8", "uint8", "float32"),
        ("uint8", "float16", "float32"),
        ("float32", "float64", "float64"),
        (None, "uint8", "float32"),
    ],
)
def test_images_of_both_pools_are_floats_of_one_kind(labeled, pool, expected):
    few = labeled and (tf.constant([[1], [2]], labeled), None, None)
    images = all_images(few, tf.constant([[3]], pool))
    assert images.dtype == expected
    assert images[:, 0].numpy().tolist() == ([1, 2, 3] if labeled else [3])


def test_floats_of_one_kind_are_not_cast():
    with tf.Graph().as_default() as graph:
        images = tf.zeros((2, 1))
        all_images((images, None, None), images)
    assert "Cast" not in {op.type for op in graph.get_operations()}


def test_a_batch_without_a_pool_is_refused():
    with pytest.raises(
        ValueError, match=r"Received: batches of \(image, label"
    ):
        all_images((tf.zeros((2, 1)), None, None), None)
