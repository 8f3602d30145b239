"""Laws of a training run: it resumes after a kill with the same result."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tests.training.test_loss_scaling import half_net
from tfdcu import AlignedDistiller
from tfdcu.training.checkpoint import Checkpoint
from tfdcu.training.train import default_rate
from tfdcu.training.train import train

IMAGES, LABELS = tiny.images(12, seed=1), tiny.labels(12)
POOL = 0.4 * tiny.images(16, seed=2)
STEPS = 2


def batches(epochs, poison=None):
    """Two batches an epoch; their order is a pure function of the epoch."""

    def generate():
        for epoch in epochs:
            few = np.random.default_rng(epoch).permutation(12)
            pool = np.random.default_rng([epoch, 1]).permutation(16)
            for step in range(STEPS):
                one = few[step * 6 : step * 6 + 6]
                two = pool[step * 8 : step * 8 + 8]
                scale = np.float32("nan") if (epoch, step) == poison else 1
                yield (IMAGES[one], LABELS[one]), POOL[two] * scale

    image = tf.TensorSpec((None, 8, 8, 1))
    label = tf.TensorSpec((None,), tf.int32)
    return tf.data.Dataset.from_generator(
        generate, output_signature=((image, label), image)
    )


def fresh():
    student = tiny.plain_net()
    return AlignedDistiller(student, tiny.plain_net(width=24, seed=7))


class Kill(keras.callbacks.Callback):
    """Stops the run at a step like a kill, without cleaning up."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.when = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.when:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    model = fresh()
    folder = tmp_path_factory.mktemp("unbroken")
    return model, train(model, batches, STEPS, folder, epochs=4)


@pytest.mark.parametrize("when", [(0, 0), (1, 1), (3, 0)])
def test_killed_and_started_again_ends_bit_for_bit_the_same(
    unbroken, tmp_path, when
):
    with pytest.raises(KeyboardInterrupt):
        train(
            fresh(), batches, STEPS, tmp_path, epochs=4, callbacks=[Kill(*when)]
        )
    model = fresh()
    history = train(model, batches, STEPS, tmp_path, epochs=4)
    expected, expected_history = unbroken
    tiny.assert_same_weights(
        tiny.weights(expected.student), tiny.weights(model.student)
    )
    assert history == expected_history
    assert len(history["loss"]) == 4


def test_a_finished_run_is_not_trained_again(unbroken, tmp_path):
    def none_left(epochs):
        raise AssertionError("no batch is needed")

    train(fresh(), batches, STEPS, tmp_path, epochs=4)
    model = fresh()
    train(model, none_left, STEPS, tmp_path, epochs=4)
    tiny.assert_same_weights(
        tiny.weights(unbroken[0].student), tiny.weights(model.student)
    )


def test_a_step_of_adam_is_as_long_in_every_network():
    rates = []
    for units in (3, 300):
        model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(units)])
        rates.append(default_rate(model, "adam"))
        assert default_rate(model, "sgd") == 0.05
    assert rates[0] == pytest.approx(0.25 / 24**0.5)
    assert rates[1] == pytest.approx(rates[0] / 10)


def test_a_kill_while_writing_leaves_the_epoch_before(tmp_path, monkeypatch):
    model = fresh()
    train(model, batches, STEPS, tmp_path, epochs=1)
    before = tiny.weights(model.student)

    def torn(self, path, **kwargs):
        path.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(AlignedDistiller, "save_weights", torn)
    with pytest.raises(OSError, match="No space left"):
        train(fresh(), batches, STEPS, tmp_path, epochs=2)
    monkeypatch.undo()
    again = fresh()
    again.compile(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True))
    assert Checkpoint(tmp_path).restore(again) == 1
    tiny.assert_same_weights(before, tiny.weights(again.student))


def test_nan_stops_at_its_step_and_keeps_the_last_good_epoch(tmp_path):
    good = fresh()
    train(good, batches, STEPS, tmp_path / "good", epochs=3)
    poisoned = fresh()
    with pytest.raises(FloatingPointError, match="at step 2 of epoch 3"):
        train(
            poisoned,
            lambda epochs: batches(epochs, poison=(2, 1)),
            STEPS,
            tmp_path / "bad",
            epochs=3,
        )
    assert Checkpoint(tmp_path / "bad").epochs_on_disk() == [2]
    assert all(np.isfinite(w).all() for w in poisoned.student.get_weights())


def test_weights_that_stop_being_finite_are_not_kept(tmp_path):
    with pytest.raises(FloatingPointError, match="epoch 1"):
        train(
            fresh(),
            batches,
            STEPS,
            tmp_path,
            epochs=2,
            learning_rate=1e30,
            warmup=0.0,
        )
    assert Checkpoint(tmp_path).epochs_on_disk() == [0]


def test_one_checkpoint_is_kept(tmp_path):
    train(fresh(), batches, STEPS, tmp_path, epochs=3)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "epoch-0003.json",
        "epoch-0003.weights.h5",
    ]


def test_learning_rate_rises_and_falls_to_zero(tmp_path):
    model = fresh()
    train(
        model, batches, STEPS, tmp_path, epochs=5, learning_rate=0.2, warmup=0.2
    )
    rate = model.optimizer._learning_rate
    values = [float(rate(step)) for step in range(11)]
    assert values[0] == 0.0
    assert values[2] == pytest.approx(0.2)
    assert values[10] == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "lion9"}, "'adam', 'adamw', 'sgd'.*'lion9'"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
        ({"clipnorm": 0.0}, "clipnorm=0.0"),
        ({"epochs": 0}, "whole number, at least 1.*epochs=0"),
        ({"learning_rate": -0.1}, "learning_rate=-0.1"),
        ({"warmup": 1.0}, "warmup=1.0"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(fresh(), batches, STEPS, tmp_path / "never", **options)
    assert not (tmp_path / "never").exists()


def moved(folder, **options):
    """How far an epoch of plain training moves the weights of a net."""
    model = tiny.linear_net()
    before = [np.array(weight) for weight in model.get_weights()]
    labels = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(6)
    train(model, lambda epochs: labels, STEPS, folder, epochs=1, **options)
    pairs = zip(before, model.get_weights(), strict=True)
    return np.concatenate([(new - old).ravel() for old, new in pairs])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_every_optimizer_trains_with_decay_and_clipping(tmp_path, optimizer):
    options = {"optimizer": optimizer, "learning_rate": 0.1}
    plain = moved(tmp_path / "plain", **options, weight_decay=0.0)
    assert np.isfinite(plain).all() and np.abs(plain).max() > 1e-3
    decayed = moved(tmp_path / "decayed", **options, weight_decay=0.5)
    assert np.abs(decayed - plain).max() > 1e-3
    clipped = moved(
        tmp_path / "clipped", **options, weight_decay=0.0, clipnorm=1e-9
    )
    # Adam divides by what is clipped.
    assert (np.abs(clipped).max() < 1e-6) == (optimizer == "sgd")
    assert np.abs(clipped - plain).max() > 1e-4


def half_trained(folder, **options):
    """A plain net in float16, trained for some epochs."""
    keras.utils.set_random_seed(0)
    model = half_net()
    labels = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    train(
        model,
        lambda epochs: labels.repeat(len(epochs)),
        3,
        folder,
        epochs=2,
        **options,
    )
    return model


def test_float16_is_scaled_and_goes_on_bit_for_bit_the_same(tmp_path):
    unbroken = half_trained(tmp_path / "unbroken")
    assert isinstance(unbroken.optimizer, keras.optimizers.LossScaleOptimizer)
    assert int(unbroken.optimizer.iterations) == 6
    with pytest.raises(KeyboardInterrupt):
        half_trained(tmp_path / "killed", callbacks=[Kill(1, 0)])
    again = half_trained(tmp_path / "killed")
    for one, other in zip(unbroken.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert int(again.optimizer.step_counter) == 6
