"""Least squares from sums: as by rows, however they come in batches."""

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.pruning import least_squares
from tfdcu.pruning.least_squares import RIDGES
from tfdcu.pruning.least_squares import Sums
from tfdcu.pruning.least_squares import solve

GROUPS, UNKNOWNS, FILTERS = 2, 6, 3


def make_rows(num, noise=1.0, seed=0):
    """Rows of a linear layer with a constant: inputs, outputs, its kernel."""
    generator = np.random.default_rng(seed)
    kernel = np.random.default_rng(9).normal(size=(GROUPS, UNKNOWNS, FILTERS))
    inputs = generator.normal(1.0, size=(GROUPS, num, UNKNOWNS))
    outputs = inputs @ kernel + 2.0
    outputs += noise * generator.normal(size=outputs.shape)
    return inputs.astype("float32"), outputs.astype("float32"), kernel


def sums_of(inputs, outputs, size=1000):
    sums = Sums()
    for start in range(0, inputs.shape[1], size):
        part = slice(start, start + size)
        sums.add(tf.constant(inputs[:, part]), tf.constant(outputs[:, part]))
    return sums


def ridge_solution(inputs, outputs, old, ridge):
    """One group, by `lstsq` on rows that the hold is stacked below."""
    hold = np.sqrt(ridge * np.square(inputs).sum() / UNKNOWNS)
    stacked = np.concatenate([inputs, hold * np.eye(UNKNOWNS)])
    goal = np.concatenate([outputs, hold * old])
    return np.linalg.lstsq(stacked, goal, rcond=None)[0]


@pytest.mark.parametrize("shifts", [True, False])
@pytest.mark.parametrize("num", [4, 90])
def test_the_solution_is_that_of_lstsq_for_each_group(shifts, num, monkeypatch):
    monkeypatch.setattr(least_squares, "RIDGES", (0.1,))
    inputs, outputs, kernel = make_rows(num)
    old = kernel + 0.5
    solved = solve(sums_of(inputs, outputs), Sums(), old, shifts)
    for group in range(GROUPS):
        x, y = inputs[group].astype("float64"), outputs[group]
        mean = x.mean(0) * shifts
        middle = y.mean(0, dtype="float64") * shifts
        expected = ridge_solution(x - mean, y - middle, old[group], 0.1)
        np.testing.assert_allclose(solved["kernel"][group], expected, atol=1e-4)
        np.testing.assert_allclose(
            solved["shift"][group], middle - mean @ expected, atol=1e-4
        )


def test_rows_in_batches_are_as_good_as_at_once():
    inputs, outputs, kernel = make_rows(200)
    half = np.zeros_like(kernel)
    one, many = (
        solve(sums_of(inputs, outputs, size), Sums(), half, True)
        for size in (200, 7)
    )
    np.testing.assert_allclose(one["kernel"], many["kernel"], atol=1e-5)
    assert one["after"] == pytest.approx(many["after"], rel=1e-4)


def test_the_ridge_misses_least_of_the_rows_that_are_held_out():
    inputs, outputs, kernel = make_rows(30, noise=3.0)
    old = kernel + 2.0
    held = make_rows(500, noise=3.0, seed=1)[:2]
    missed = []
    for ridge in RIDGES:
        total = 0.0
        for x, y, x_held, y_held, k in zip(inputs, outputs, *held, old):
            mean, middle = x.mean(0), y.mean(0)
            new = ridge_solution(x - mean, y - middle, k, ridge)
            error = np.square(y_held - middle - (x_held - mean) @ new).sum(0)
            scale = np.square(y - middle).sum(0)
            scale += np.square(y_held - middle).sum(0)
            total += (error / scale).sum()
        missed.append(total)
    best = int(np.argmin(missed))
    assert 0 < best < len(RIDGES) - 1
    solved = solve(sums_of(inputs, outputs), sums_of(*held), old, True)
    assert solved["ridge"] == RIDGES[best]


def test_of_ridges_that_miss_nothing_the_strongest_is_taken():
    inputs, outputs, kernel = make_rows(60, noise=0.0)
    fitted, held = (sums_of(inputs, outputs) for _ in range(2))
    solved = solve(fitted, held, kernel, True)
    assert solved["ridge"] == max(RIDGES)
    assert max(solved["before"], solved["after"]) < 1e-6
    # Far from the solution, the weakest ridge comes closest to it.
    solved = solve(fitted, held, kernel + 1.0, True)
    assert solved["ridge"] == min(RIDGES)
    np.testing.assert_allclose(solved["kernel"], kernel, atol=1e-3)


def test_rows_that_are_all_alike_leave_the_kernel():
    inputs, outputs, kernel = make_rows(200)
    inputs[:], outputs[:] = inputs[:, :1], outputs[:, :1]
    inputs[1], outputs[1] = 0.0, 0.0
    old = 0.5 * kernel
    half = sums_of(inputs[:, :100], outputs[:, :100])
    found = solve(half, half, old, True)
    assert np.isfinite(found["kernel"]).all()
    np.testing.assert_allclose(found["kernel"], old, atol=0.05)
    constant = inputs[:, :1] @ found["kernel"] + found["shift"][:, None]
    np.testing.assert_allclose(constant, outputs[:, :1], atol=1e-4)


def test_no_held_out_rows_mean_the_strongest_ridge():
    inputs, outputs, kernel = make_rows(3)
    solved = solve(sums_of(inputs, outputs), Sums(), kernel, True)
    assert solved["ridge"] == max(RIDGES)
