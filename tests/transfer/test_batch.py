"""What a batch holds is told apart by its structure."""

import keras
import numpy as np

from tfdcu.transfer.batch import split_pools


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
