"""Models at a fixed size, and copies."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.graph.macs import total_macs
from tfdcu.models import at_size
from tfdcu.models import copy_of
from tfdcu.workdir.fingerprint import fingerprint


def any_size():
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 1), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(images)
    x = layers.GlobalAveragePooling2D()(x)
    return tiny.shake(keras.Model(images, layers.Dense(4)(x)))


def test_same_outputs_and_the_model_is_not_changed():
    model = any_size()
    fixed = at_size(model, (6, 7, 1))
    assert fixed.input_shape == (None, 6, 7, 1)
    assert model.input_shape == (None, None, None, 1)
    tiny.assert_same_function(model, fixed, tiny.images(size=7)[:, :6])
    fixed.layers[-1].bias.assign([9.0] * 4)
    assert model.layers[-1].bias.numpy().max() < 9
    assert total_macs(fixed) == 6 * 7 * 9 * 8 + 8 * 4


def test_copies_are_equal():
    model = any_size()
    one, two = (at_size(model, (6, 6, 1)) for _ in range(2))
    assert fingerprint(one) == fingerprint(two)


def test_a_model_of_one_size_is_built_at_another():
    model = tiny.plain_net()
    assert at_size(model, (8, 8, 1)) is model
    larger = at_size(model, (12, 10, 1))
    assert larger.input_shape == (None, 12, 10, 1)
    assert model.input_shape == (None, 8, 8, 1)
    tiny.assert_same_weights(tiny.weights(model), tiny.weights(larger))


def nested(size, depth):
    """Models in models, each with an input of this size, or of any."""
    keras.utils.set_random_seed(0)
    images = keras.Input((size, size, 1))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(images)
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(images, x, name="inner")
    for level in range(depth):
        images = keras.Input((size, size, 1))
        x = layers.Rescaling(0.5)(images)
        model = keras.Model(images, model(x), name=f"outer{level}")
    parts = [keras.Input((size, size, 1)), model]
    parts += [layers.GlobalMaxPooling2D(), layers.Dense(3)]
    return tiny.shake(keras.Sequential(parts))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_models_inside_are_built_at_the_other_size_too(depth):
    fixed, free = nested(8, depth), nested(None, depth)
    free.set_weights(fixed.get_weights())
    smaller = at_size(fixed, (6, 6, 1))
    images = tiny.images(5, size=6)
    np.testing.assert_array_equal(smaller(images), free(images))
    assert smaller.count_params() == fixed.count_params()
    # The given model keeps its size and its own weights.
    before = fixed(tiny.images(5))
    for variable in smaller.weights:
        variable.assign(variable * 0)
    np.testing.assert_array_equal(fixed(tiny.images(5)), before)


def test_a_frozen_model_inside_stays_frozen():
    model = nested(8, 1)
    model.layers[0].trainable = False
    smaller = at_size(model, (6, 6, 1))
    assert not smaller.layers[1].trainable
    assert [v.shape for v in smaller.trainable_variables] == [(4, 3), (3,)]


def test_a_model_that_is_called_twice_is_built_once():
    inner = nested(8, 0).layers[0]
    images = keras.Input((8, 8, 1))
    both = layers.Concatenate()([inner(images), inner(-images)])
    model = tiny.shake(keras.Model(images, both))
    smaller = at_size(model, (6, 6, 1))
    assert smaller.count_params() == model.count_params()


def test_weights_that_fit_one_size_alone_are_named():
    images = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(2, 3)(images))
    model = keras.Model(images, layers.Dense(4)(x))
    message = "another image size.*own size, \\(8, 8, 1\\).*\\(6, 6, 1\\)"
    with pytest.raises(ValueError, match=message):
        at_size(model, (6, 6, 1))


def own_loss(labels, logits):
    return keras.ops.mean(logits)


def test_adapted_statistics_and_a_custom_loss():
    images = keras.Input((None, None, 1))
    normal = layers.Normalization(mean=None, variance=None)
    normal.adapt(5 + 2 * tiny.images(32))
    x = layers.Conv2D(4, 3)(normal(images))
    model = keras.Model([images], layers.GlobalMaxPooling2D()(x))
    model.compile("sgd", own_loss)
    tiny.assert_same_function(model, at_size(model, (8, 8, 1)), tiny.images())
    assert model.compiled


def test_live_functions_are_kept_in_nested_models_too():
    factor = 3.0
    shared = layers.Conv2D(1, 3, padding="same")
    inner = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Lambda(lambda x: factor * x),
            shared,
            layers.BatchNormalization(),
        ]
    )
    inner.compile("sgd", own_loss)
    images = keras.Input((None, None, 1))
    x = layers.Lambda(lambda x: x - factor)(images)
    x = inner(inner(shared(x)), training=False)
    x = layers.GlobalAveragePooling2D()(x)
    model = tiny.shake(keras.Model(images, layers.Dense(4)(x)))
    inner.trainable = False
    fixed = at_size(model, (8, 8, 1))
    tiny.assert_same_function(model, fixed, tiny.images())
    assert fixed.count_params() == model.count_params()
    assert len(fixed.trainable_variables) == 2
    before = tiny.weights(model)
    for weight in fixed.weights:
        weight.assign(weight + 1)
    tiny.assert_same_weights(before, tiny.weights(model))


def test_adapted_bins_are_kept():
    images = keras.Input((8, 8, 1))
    bins = layers.Discretization(num_bins=4)
    bins.adapt(tiny.images())
    x = keras.ops.cast(bins(images), "float32")
    model = keras.Model(images, layers.Dense(4)(layers.Flatten()(x)))
    tiny.assert_same_function(model, copy_of(model), tiny.images())


def test_a_copy_has_weights_of_its_own():
    model = tiny.plain_net()
    model.compile("sgd", own_loss)
    before = tiny.weights(model)
    copy = copy_of(model)
    tiny.assert_same_function(model, copy, tiny.images())
    for weight in copy.weights:
        weight.assign(weight + 1)
    tiny.assert_same_weights(before, tiny.weights(model))
