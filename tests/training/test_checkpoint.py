"""Laws of a checkpoint on disk: one complete epoch and nothing else."""

import errno
import json
import os
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.training.checkpoint import Checkpoint
from tfdcu.training.checkpoint import EpochSeeds
from tfdcu.training.checkpoint import random_states
from tfdcu.training.train import train

FILES = ["epoch-0002.json", "epoch-0002.weights.h5"]


def fresh(seed=0):
    model = tiny.linear_net(seed=seed)
    model.compile(keras.optimizers.SGD(0.1))
    model.optimizer.build(model.trainable_variables)
    return model


def checkpoint(folder, model):
    kept = Checkpoint(folder)
    kept.set_model(model)
    return kept


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_epoch_is_two_files_and_the_epoch_before_is_dropped(tmp_path):
    kept = checkpoint(tmp_path / "new", fresh())
    for epoch in range(2):
        kept.on_epoch_end(epoch, {"loss": 1.0 - epoch / 4})
    assert names(tmp_path / "new") == FILES
    history = json.loads((tmp_path / "new" / FILES[0]).read_text())
    assert history["history"] == {"loss": [1.0, 0.75]}


def test_checkpoints_left_by_a_kill_are_deleted_later(tmp_path, monkeypatch):
    model = fresh()
    kept = checkpoint(tmp_path, model)
    kept.save(1)
    monkeypatch.setattr(Checkpoint, "drop", lambda self, epochs: None)
    kept.save(2)
    assert len(names(tmp_path)) == 4
    monkeypatch.undo()
    again = fresh(seed=1)
    assert checkpoint(tmp_path, again).restore(again) == 2
    assert names(tmp_path) == FILES
    for one, two in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_a_full_disk_leaves_the_epoch_before_and_nothing_else(
    tmp_path, monkeypatch
):
    kept = checkpoint(tmp_path, fresh())
    kept.save(2)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="The disk filled up"):
        kept.save(3)
    assert names(tmp_path) == FILES


def test_no_checkpoint_is_epoch_0(tmp_path):
    model = fresh()
    assert Checkpoint(tmp_path / "nowhere").restore(model) == 0


def test_weights_that_are_not_finite_are_not_kept(tmp_path):
    model = fresh()
    kept = checkpoint(tmp_path, model)
    model.get_layer("logits").kernel.assign(np.full((64, 4), np.nan))
    with pytest.raises(FloatingPointError, match="epoch 3.*logits/kernel"):
        kept.on_epoch_end(2, {"loss": 1.0})
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"{}", b"3", None])
def test_a_checkpoint_that_changed_is_named_and_not_believed(
    tmp_path, capsys, name, content
):
    kept = checkpoint(tmp_path, fresh())
    kept.history = {"loss": [1.0, 0.75]}
    kept.save(2)
    before = (tmp_path / name).read_bytes()
    changed = before.replace(b"0.75", b"0.25")[:-1] + before[-1:]
    if changed == before:
        changed = before[:-1] + bytes([before[-1] ^ 1])
    (tmp_path / name).write_bytes(changed if content is None else content)
    model = fresh(seed=1)
    weights = model.get_weights()
    assert checkpoint(tmp_path, model).restore(model) == 0
    assert str(tmp_path / FILES[1]) in capsys.readouterr().out
    assert names(tmp_path) == []
    np.testing.assert_array_equal(weights[0], model.get_weights()[0])


def test_foreign_names_are_no_checkpoints(tmp_path):
    (tmp_path / "epoch-last.weights.h5").touch()
    assert Checkpoint(tmp_path).epochs_on_disk() == []


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
