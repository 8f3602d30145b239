"""Laws of averaged weights: put in place once, and nothing else moves."""

import keras
import numpy as np
import pytest

from tests.support import tiny
from tests.training.test_train import IMAGES
from tests.training.test_train import LABELS
from tests.training.test_train import STEPS
from tests.training.test_train import Kill
from tests.training.test_train import batches as both
from tests.training.test_train import fresh as distiller
from tfdcu import Sparsify
from tfdcu.training.averaging import averaged_variables
from tfdcu.training.checkpoint import Checkpoint
from tfdcu.training.train import train

EMA = 0.8


def fresh():
    return tiny.plain_net(width=8)


def batches(epochs):
    """The labeled half, for a plain classifier."""
    return both(epochs).map(lambda few, pool: few)


class Record(keras.callbacks.Callback):
    """Keeps all weights after each step."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        variables = self.model.weights
        self.weights.append([v.numpy().copy() for v in variables])


def run(folder, model=None, callbacks=(), data=batches, **options):
    """A run of 4 epochs with averaging; returns its model."""
    model = model or fresh()
    options = {"epochs": 4, "ema": EMA, **options}
    train(model, data, STEPS, folder, callbacks=callbacks, **options)
    return model


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    record = Record()
    model = run(tmp_path_factory.mktemp("unbroken"), callbacks=[record])
    return model, record.weights


def test_the_student_holds_the_average_by_hand(unbroken):
    model, steps = unbroken
    expected = steps[0]
    for weights in steps[1:]:
        expected = [EMA * a + (1 - EMA) * w for a, w in zip(expected, weights)]
    for variable, value in zip(model.weights, expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-7)


def test_averaging_does_not_change_the_steps(unbroken, tmp_path):
    record = Record()
    run(tmp_path, callbacks=[record], ema=None)
    for one, two in zip(unbroken[1], record.weights, strict=True):
        for first, second in zip(one, two):
            np.testing.assert_array_equal(first, second)


def test_a_run_killed_in_its_first_epoch_ends_bit_for_bit_the_same(
    unbroken, tmp_path
):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, callbacks=[Kill(0, 1)])
    tiny.assert_same_weights(
        tiny.weights(unbroken[0]), tiny.weights(run(tmp_path))
    )


def test_a_finished_run_is_not_averaged_again(unbroken, tmp_path):
    expected = tiny.weights(unbroken[0])
    for _ in range(3):
        received = tiny.weights(run(tmp_path))
        tiny.assert_same_weights(expected, received)


def test_validation_sees_the_average_and_leaves_training_alone(
    unbroken, tmp_path
):
    model = fresh()
    history = train(
        model,
        batches,
        STEPS,
        tmp_path,
        epochs=4,
        ema=EMA,
        validation_data=(IMAGES, LABELS),
    )
    tiny.assert_same_weights(tiny.weights(unbroken[0]), tiny.weights(model))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    left = float(loss(LABELS, model(IMAGES, training=False)))
    assert history["val_loss"][-1] == pytest.approx(left, rel=1e-5)


def test_a_distilled_student_keeps_its_zeros_through_a_kill(tmp_path):
    def sparse(folder, *more):
        callbacks = [Sparsify(0.75, layers="conv2", frequency=1), *more]
        return run(folder, distiller(), callbacks, both).student

    expected = sparse(tmp_path / "unbroken")
    kernel = expected.get_layer("conv2").kernel.numpy()
    assert np.mean(kernel == 0) == 0.75
    # A run that is finished, and one that was killed after the masks stood.
    with pytest.raises(KeyboardInterrupt):
        sparse(tmp_path / "killed", Kill(3, 1))
    for folder in ("unbroken", "killed"):
        again = sparse(tmp_path / folder)
        tiny.assert_same_weights(tiny.weights(expected), tiny.weights(again))


def test_a_run_that_starts_late_averages_its_own_weights(tmp_path):
    """The average never holds the zeros that Keras lays it out with."""
    model = fresh()
    kept = Checkpoint(tmp_path)
    kept.set_model(model)
    kept.save(3)

    def on_train_begin(logs=None):
        model.optimizer.iterations.assign(3 * STEPS)

    late = keras.callbacks.LambdaCallback(on_train_begin=on_train_begin)
    before = tiny.weights(model)
    run(tmp_path, model, [late], learning_rate=1e-9)
    for variable in model.trainable_variables:
        np.testing.assert_allclose(variable, before[variable.path], atol=1e-6)


def test_statistics_that_are_frozen_are_not_averaged():
    model = distiller()
    student = model.student
    student.get_layer("bn2").trainable = False
    first = student.get_layer("bn1")
    statistics = [first.moving_mean, first.moving_variance]
    expected = [*model.trainable_variables, *statistics]
    received = averaged_variables(model)
    assert [id(v) for v in received] == [id(v) for v in expected]


def test_scaled_losses_hide_no_average(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        record = Record()
        model = run(tmp_path, callbacks=[record])
    finally:
        keras.config.set_dtype_policy("float32")
    assert hasattr(model.optimizer, "inner_optimizer")
    last = record.weights[-1]
    apart = [
        np.abs(variable.numpy() - value).max()
        for variable, value in zip(model.weights, last)
    ]
    assert max(apart) > 1e-4
