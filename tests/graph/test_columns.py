"""Laws of labels that stand side by side."""

import numpy as np
import tensorflow as tf

from tfdcu.graph.columns import pack
from tfdcu.graph.columns import pack_one
from tfdcu.graph.columns import row_shape
from tfdcu.graph.columns import unpack

SHAPES = {"place": (), "mask": (2, 3), "tags": (4,)}


def labels(num=5):
    draw = np.random.default_rng(0)
    return {n: draw.integers(9, size=(num, *s)) for n, s in SHAPES.items()}


def test_columns_are_in_order_of_the_names():
    rows = pack(labels(1), SHAPES)
    given = labels(1)
    expected = [*given["mask"].ravel(), *given["place"], *given["tags"][0]]
    assert rows.tolist() == [expected]
    assert row_shape(SHAPES) == rows.shape[1:] == (11,)
    assert row_shape((2, 3)) == (2, 3)


def test_unpacking_undoes_packing():
    given, turned = labels(), dict(reversed(SHAPES.items()))
    for shapes in (SHAPES, turned):
        rows = pack(given, shapes)
        for values in (rows, tf.constant(rows)):
            found = unpack(values, shapes)
            assert set(found) == set(SHAPES)
            for name in SHAPES:
                np.testing.assert_array_equal(found[name], given[name])


def test_one_image_is_a_row():
    given = labels()
    for index, row in enumerate(pack(given, SHAPES)):
        one = {name: values[index] for name, values in given.items()}
        np.testing.assert_array_equal(pack_one(one, SHAPES), row)
