"""Laws of random layers: they depend only on seed and epoch."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.training.checkpoint import EpochSeeds
from tfdcu.training.checkpoint import random_states
from tfdcu.training.train import train


def dropout_net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(inputs)
    x = layers.Dense(8, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    x = keras.Sequential([layers.Dense(8), layers.Dropout(0.2)])(x)
    model = keras.Model(inputs, layers.Dense(4)(x))
    # Another process begins with other numbers.
    for state in random_states(model):
        state.assign([random.SystemRandom().randrange(2**31), 7])
    return model


def batches(epochs):
    data = tf.data.Dataset.from_tensors((tiny.images(8), tiny.labels(8)))
    return data.repeat(2 * len(epochs))


def states_after(seed, epoch, model):
    callback = EpochSeeds(seed)
    callback.set_model(model)
    callback.on_epoch_begin(epoch)
    return np.array([state.numpy() for state in random_states(model)])


def test_states_are_found_in_nested_models_and_differ_by_seed_and_epoch():
    one, two = dropout_net(), dropout_net()
    first = states_after(0, 3, one)
    assert first.shape == (2, 2)
    assert first[0, 0] != first[1, 0]
    np.testing.assert_array_equal(first, states_after(0, 3, two))
    assert (first != states_after(0, 4, two)).any(axis=1).all()
    assert (first != states_after(1, 3, two)).any(axis=1).all()


def test_a_student_with_dropout_goes_on_bit_for_bit(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    unbroken, broken, again = dropout_net(), dropout_net(), dropout_net()
    train(unbroken, batches, 2, tmp_path / "unbroken", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(broken, batches, 2, tmp_path / "x", epochs=3, callbacks=[Kill()])
    train(again, batches, 2, tmp_path / "x", epochs=3)
    for before, after in zip(unbroken.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(before, after)


def test_another_seed_drops_others(tmp_path):
    one, two = dropout_net(), dropout_net()
    train(one, batches, 2, tmp_path / "0", epochs=1, seed=0)
    train(two, batches, 2, tmp_path / "1", epochs=1, seed=1)
    assert (one.get_weights()[0] != two.get_weights()[0]).any()
