"""`MacTerm`s of `keras.ops` products against counts by hand."""

import keras
import numpy as np
from keras import layers

from tfdcu.graph.graph import Tensor
from tfdcu.graph.mac_terms import MacTerm
from tfdcu.graph.macs import total_macs


def test_products_of_tensors_by_hand():
    a, b = keras.Input((5, 6)), keras.Input((6, 7))
    product = keras.Model([a, b], keras.ops.matmul(a, b))
    assert total_macs(product) == 5 * 6 * 7
    letters = keras.Model([a, b], keras.ops.einsum("bij,bjk->bik", a, b))
    assert total_macs(letters) == 5 * 6 * 7
    dot = keras.Model([a, b], layers.Dot((2, 1))([a, b]))
    assert total_macs(dot) == 5 * 6 * 7


def test_products_with_constants_by_hand():
    x = keras.Input((5, 8))
    ones = np.ones((8, 3), "float32")
    for product, macs in (
        (keras.ops.matmul(x, ones), 5 * 8 * 3),
        (keras.ops.matmul(np.ones((4, 5), "float32"), x), 4 * 5 * 8),
        (keras.ops.matmul(x, ones[:, 0]), 5 * 8),
        (keras.ops.dot(x, ones), 5 * 8 * 3),
        (keras.ops.dot(x, 2.0), 0),
        (keras.ops.einsum("bij,jk->bik", x, ones), 5 * 8 * 3),
        (keras.ops.tensordot(x, ones, axes=1), 5 * 8 * 3),
        (keras.ops.tensordot(x, np.ones((5, 8)), axes=2), 5 * 8),
        (keras.ops.tensordot(ones, x, axes=[[0], [2]]), 3 * 5 * 8),
    ):
        assert total_macs(keras.Model(x, product)) == macs


def test_unknown_sizes_count_as_one():
    tensor = Tensor((None, 5))
    assert MacTerm(3, ((tensor, 0), (tensor, 1))).count() == 3 * 5
