"""A student of smaller images: the budget stays that of the whole model."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu import prune_channels
from tfdcu.graph.ends import kinds_of
from tfdcu.graph.macs import total_macs
from tfdcu.graph.resize import at_size
from tfdcu.pruning import check_channels
from tfdcu.pruning import chosen_size
from tfdcu.pruning import plan_channels
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


def any_size(size=None):
    keras.utils.set_random_seed(0)
    x = images = keras.Input((size, size, 1))
    for filters, stride in ((16, 1), (32, 2)):
        x = layers.Conv2D(filters, 3, stride, "same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(4)(x))


@pytest.mark.parametrize("share", [True, False])
def test_macs_of_a_model_of_any_size_are_those_at_the_image_size(share):
    free, fixed = any_size(), any_size(8)
    budget = 0.5 if share else total_macs(fixed) // 2
    one, other = (
        prune_channels(model, image_size=8, macs=budget)
        for model in (free, fixed)
    )
    assert one.input_shape == (None, 8, 8, 1)
    for pair in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(*pair)


@pytest.mark.parametrize("prune", [prune_channels, plan_channels])
def test_macs_of_a_model_of_any_size_need_an_image_size(prune):
    with pytest.raises(ValueError, match="Expected: `image_size`.*None, None"):
        prune(any_size(), macs=0.5)
    student = prune_channels(any_size(), tiny.images(32), params=0.5)
    assert student.input_shape == (None, None, None, 1)
    plan = plan_channels(any_size(), params=0.5)
    assert plan.before["macs"] is None and "macs: not known" in plan.table()


class Subclassed(keras.Model):
    """Layers of Keras, called in Python."""

    def __init__(self):
        super().__init__()
        self.steps = [
            layers.Conv2D(16, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]

    def call(self, x):
        for step in self.steps:
            x = step(x)
        return x


def test_a_subclassed_model_is_opened_before_it_is_resized():
    model = Subclassed()
    model(tiny.images(2))
    for images in None, tiny.images(32):
        student = prune_channels(model, images, image_size=6, macs=0.3)
        assert student.input_shape == (None, 6, 6, 1)


def test_several_inputs_have_no_image_size():
    inputs = [keras.Input((8, 8, 1)), keras.Input((2,))]
    x = layers.Conv2D(8, 3)(inputs[0])
    x = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), inputs[1]])
    model = keras.Model(inputs, layers.Dense(2)(x))
    with pytest.raises(ValueError, match="`image_size`.*one input.*None, 2"):
        prune_channels(model, image_size=6, macs=0.5)


def test_the_training_config_is_kept_at_another_size(teacher):
    model = keras.Model(teacher.inputs, teacher.outputs)
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    student = prune_channels(model, image_size=6, macs=0.5)
    assert kinds_of(student) == ["labels"]


def photo_net(height, width=None, flat=False):
    keras.utils.set_random_seed(0)
    images = keras.Input((height, width or height, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(images)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Flatten()(x) if flat else layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(4)(x))


@pytest.mark.parametrize(
    ("own", "macs", "size"),
    [
        # Shares of the pixels: 160 px 0.69, 128 px 0.44, 96 px 0.25.
        ((192, 192), 0.5, [160, 160]),
        ((192, 192), 0.44, [128, 128]),
        ((192, 192), 0.3, [128, 128]),
        # 160 px have 0.69.
        ((192, 192), 0.72, [160, 160]),
        ((192, 192), 0.75, None),
        ((192, 192), 1.0, None),
        # None is below 64 px.
        ((192, 192), 0.01, [64, 64]),
        ((64, 64), 0.1, None),
        # 160 px have 0.51 of 224 px.
        ((224, 224), 0.5, [160, 160]),
        # Of 100 px: 96 px have 0.92, 64 px 0.41.
        ((100, 100), 0.9, [96, 96]),
        ((100, 100), 0.4, [64, 64]),
        ((192, 384), 0.44, [128, 256]),
    ],
)
def test_auto_is_the_least_multiple_of_32_that_needs_the_budget(
    own, macs, size
):
    model = photo_net(*own)
    assert chosen_size(model, "auto", {"macs": macs}) == size
    number = macs * total_macs(model)
    if macs < 1:
        assert chosen_size(model, "auto", {"macs": number}) == size


def test_auto_leaves_the_rest_to_channels():
    model = photo_net(192)
    student = prune_channels(model, image_size="auto", macs=0.5, round_to=1)
    assert student.input_shape == (None, 160, 160, 3)
    assert 0.4 < total_macs(student) / total_macs(model) <= 0.5
    same = prune_channels(model, image_size=160, macs=0.5, round_to=1)
    for one, other in zip(student.get_weights(), same.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_auto_is_the_own_size_of_a_model_that_has_no_other():
    model = photo_net(192, flat=True)
    with pytest.warns(match="192 x 192 pixels, as the teacher. The model"):
        assert chosen_size(model, "auto", {"macs": 0.5}) is None
    with pytest.warns(match="such as Dense after Flatten"):
        student = prune_channels(model, image_size="auto", macs=0.5)
    assert student.input_shape == model.input_shape


@pytest.mark.parametrize("shape", [(128,), (96, 80), (96, 80, 4, 1)])
def test_auto_is_the_own_size_of_other_inputs_than_images(shape):
    values = keras.Input(shape)
    hidden = layers.Dense(16)(layers.Flatten()(values))
    model = keras.Model(values, layers.Dense(4)(hidden))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen_size(model, "auto", {"macs": 0.5}) is None


def test_auto_sees_a_backbone_of_one_size():
    inner = photo_net(192)
    model = keras.Sequential([keras.Input((192, 192, 3)), inner])
    student = prune_channels(model, image_size="auto", macs=0.5, round_to=1)
    assert student.input_shape == (None, 160, 160, 3)


def test_other_sizes_are_as_they_are_given(teacher):
    for given in (None, 6, (4, 4)):
        assert chosen_size(teacher, given, {"params": 0.5}) is given


def test_auto_is_the_own_size_for_other_budgets():
    model = photo_net(192)
    for budget in ({"params": 0.5}, {"latency": 0.5, "macs": 0}):
        assert chosen_size(model, "auto", budget) is None
        check_channels(model, image_size="auto", **budget)
    student = prune_channels(model, image_size="auto", params=0.5)
    assert student.input_shape == model.input_shape


def test_auto_needs_a_size_to_start_from():
    with pytest.raises(ValueError, match=r"'auto' and images of \(None, None"):
        prune_channels(any_size(), image_size="auto", macs=0.5)
