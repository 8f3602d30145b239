"""Multiply-accumulates of products of tensors, by hand."""

import keras
from keras import layers

from tfdcu.graph import Tensor
from tfdcu.macs import total_macs
from tfdcu.products import Term


def test_products_of_tensors_by_hand():
    a, b = keras.Input((5, 6)), keras.Input((6, 7))
    product = keras.Model([a, b], keras.ops.matmul(a, b))
    assert total_macs(product) == 5 * 6 * 7
    letters = keras.Model([a, b], keras.ops.einsum("bij,bjk->bik", a, b))
    assert total_macs(letters) == 5 * 6 * 7
    dot = keras.Model([a, b], layers.Dot((2, 1))([a, b]))
    assert total_macs(dot) == 5 * 6 * 7


def test_sizes_that_are_not_known_count_as_one():
    tensor = Tensor((None, 5))
    assert Term(3, ((tensor, 0), (tensor, 1))).count() == 3 * 5
