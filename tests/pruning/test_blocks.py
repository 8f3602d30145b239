"""Memory that is used again."""

import pytest
import tensorflow as tf

from tfdcu.pruning.blocks import Blocks
from tfdcu.pruning.blocks import tensor_of


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
def test_what_is_kept_is_read_as_it_was(dtype):
    parts = [tf.cast([[1, 0, 1]], dtype), tf.cast([[0, 0, 1]], dtype)]
    found = tensor_of(Blocks().joined(parts))
    assert found.dtype == dtype
    assert tf.cast(found, "int32").numpy().tolist() == [[1, 0, 1], [0, 0, 1]]


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_when_nothing_is_left_in_it():
    blocks = Blocks()
    blocks.limit(10_000)
    first = blocks.joined([tf.zeros((4, 25)), tf.zeros((6, 25))])
    place = address(first)
    tensor = tensor_of(first)
    del first
    # A tensor of the same memory holds it.
    other = blocks.joined([tf.ones((10, 25))])
    assert address(other) != place
    assert not tensor.numpy().any()
    del tensor
    again = blocks.joined([2 * tf.ones((8, 25))])
    assert address(again) == place
    assert (again == 2).all() and (other == 1).all()


def test_memory_that_is_not_needed_is_left_to_the_system():
    blocks = Blocks()
    blocks.limit(10_000)
    arrays = [blocks.joined([tf.zeros((rows, 25))]) for rows in (10, 20, 40)]
    assert blocks._bytes == 7000
    del arrays
    # Much smaller arrays do not take the memory of large ones.
    small = blocks.joined([tf.zeros((1, 25))])
    assert blocks._bytes == 7100
    blocks.limit(2000)
    assert blocks._bytes <= 2000 and (small == 0).all()
    large = blocks.joined([tf.ones((50, 25))])
    assert blocks._bytes == 5100 and (large == 1).all()
