"""Laws of moving averages in short runs."""

import keras
import numpy as np
import pytest

from tests.distill.test_distiller import batches
from tests.distill.test_distiller import teacher
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.training.moving_average import fit_with_short_averages
from tfdcu.training.moving_average import momentum_at
from tfdcu.training.moving_average import short_averages


def weights_of_steps(momentum, num):
    """Weights of the initial value and of each step in the average."""
    shares = np.array([1.0])
    for step in range(num):
        keep = float(momentum_at(momentum, float(step)))
        shares = np.append(shares * keep, 1 - keep)
    return shares


@pytest.mark.parametrize("momentum", [0.9, 0.99, 0.999, 0.9997])
@pytest.mark.parametrize("steps", [10, 60, 300])
def test_an_average_is_of_the_end_of_the_run(momentum, steps):
    start, *shares = weights_of_steps(momentum, steps)
    assert start + sum(shares) == pytest.approx(1)
    assert start < 0.1
    assert np.all(np.diff(shares) > 0)
    lag = np.dot(shares, np.arange(steps, 0, -1))
    assert lag < 0.3 * steps + 1


def test_the_momentum_is_at_most_that_of_the_layer():
    assert float(momentum_at(0.9, 1e6)) == pytest.approx(0.9)
    assert float(momentum_at(0.99, 0.0)) < 0.99


def norms_of(model):
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]


def with_momentum(momentum):
    model = tiny.plain_net()
    for norm in norms_of(model):
        norm.momentum = momentum
    return model


def distill(student):
    model = AlignedDistiller(student, teacher(), freeze_batchnorm=False)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    model.fit(batches(), epochs=5, verbose=0)
    return student


def train_alone(student):
    few = batches().map(lambda labeled, pool: labeled)
    student.compile(
        keras.optimizers.SGD(0.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    fit_with_short_averages(student, 0, few, epochs=5, verbose=0)
    return student


@pytest.mark.parametrize("run", [distill, train_alone])
def test_statistics_do_not_depend_on_a_momentum_that_is_long(run):
    one, other = (run(with_momentum(m)) for m in (0.999, 0.9997))
    start = with_momentum(0.999)
    for first, second, before in zip(*map(norms_of, (one, other, start))):
        assert (first.momentum, second.momentum) == (0.999, 0.9997)
        np.testing.assert_array_equal(first.moving_mean, second.moving_mean)
        moved = np.abs(first.moving_mean - before.moving_mean)
        assert np.max(moved) > 0.01


def test_momentum_is_restored_even_after_an_error():
    model = with_momentum(0.99)
    with pytest.raises(KeyError), short_averages(model, 0.0):
        assert float(norms_of(model)[0].momentum) < 0.8
        raise KeyError
    assert norms_of(model)[0].get_config()["momentum"] == 0.99
