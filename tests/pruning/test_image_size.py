"""A student of smaller images: the budget stays that of the whole model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu import prune_channels
from tfdcu.graph.macs import total_macs
from tfdcu.graph.resize import at_size
from tfdcu.pruning import check_channels
from tfdcu.pruning import start_at


@pytest.fixture(scope="module")
def teacher():
    return tiny.plain_net(width=32)


def test_the_budget_is_a_share_of_the_whole_model(teacher):
    student = prune_channels(teacher, image_size=6, macs=0.4, round_to=1)
    share = total_macs(student) / total_macs(teacher)
    assert student.input_shape == (None, 6, 6, 1)
    assert 0.38 <= share <= 0.4
    wider = prune_channels(teacher, macs=0.4, round_to=1)
    assert student.count_params() > wider.count_params()
    assert teacher.input_shape == (None, 8, 8, 1)


def test_nothing_is_removed_where_smaller_images_are_enough(teacher):
    student = prune_channels(teacher, image_size=(4, 4), macs=0.5)
    assert total_macs(student) <= 0.5 * total_macs(teacher)
    same = at_size(teacher, (4, 4, 1))
    images = tiny.images(5, size=4)
    np.testing.assert_array_equal(student(images), same(images))
    # Nor is anything scored or reconstructed.
    given = tiny.images(5)
    seen = prune_channels(teacher, given, image_size=(4, 4), macs=0.5)
    np.testing.assert_array_equal(seen(images), same(images))


def test_images_are_resized_whatever_holds_them(teacher):
    images = tiny.images(40)
    batches = tf.data.Dataset.from_tensor_slices(images).batch(40)
    made = [
        prune_channels(teacher, given, image_size=6, macs=0.3, rounds=1)
        for given in (images, batches)
    ]
    for first, second in zip(*(one.get_weights() for one in made)):
        np.testing.assert_allclose(first, second, atol=1e-4)


def test_the_rest_of_a_budget_is_a_share(teacher):
    whole = total_macs(teacher)
    start, budgets = start_at(teacher, 6, {"macs": 0.25, "params": 0})
    assert budgets == {
        "macs": pytest.approx(0.25 * whole / total_macs(start)),
        "params": 0,
    }
    _, same = start_at(teacher, 6, {"macs": whole // 4})
    assert same["macs"] == pytest.approx(budgets["macs"], rel=1e-3)
    assert start_at(teacher, None, {"macs": 0.25}) == (teacher, {"macs": 0.25})
    measured = {8: 10.0, 6: 8.0}
    _, rest = start_at(
        teacher, 6, {"latency": 0.4}, lambda m: measured[m.input_shape[1]]
    )
    assert rest == {"latency": 0.5}


@pytest.mark.parametrize("wrong", [0, 6.5, (6,), (6, -1), "6", (6, 6, 1)])
def test_a_wrong_size_is_refused_before_work(teacher, wrong):
    with pytest.raises(ValueError, match="Invalid value for `image_size`"):
        check_channels(teacher, image_size=wrong, macs=0.5)


def test_a_model_of_one_size_is_refused():
    images = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(8, 3)(images))
    model = keras.Model(images, layers.Dense(2)(x))
    for budget in ({"macs": 0.5}, {"latency": 0.5}):
        with pytest.raises(ValueError, match="cannot be built at another"):
            check_channels(model, image_size=6, **budget)


def test_all_outputs_are_there_at_another_size():
    net = tiny.plain_net()
    outputs = {"kind": net.output, "map": net.get_layer("relu2").output}
    teacher = keras.Model(net.input, outputs)
    student = prune_channels(teacher, image_size=6, macs=0.5, round_to=1)
    shapes = {name: tuple(x.shape) for name, x in student.output.items()}
    assert shapes == {"kind": (None, 4), "map": (None, 6, 6, 32)}
