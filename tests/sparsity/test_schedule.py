"""Masks are updated at the steps of TFMOT's schedule, and at its end."""

import math

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tfdcu.sparsity.schedule import SparsitySchedule
from tfdcu.sparsity.schedule import check_schedule
from tfdcu.sparsity.sparsify import _tfmot


def build(schedule="polynomial", params=None, once=False, **arguments):
    arguments = {
        "begin_step": 0,
        "end_step": None,
        "frequency": None,
        **arguments,
    }
    return SparsitySchedule(
        _tfmot()[1],
        schedule,
        0.8,
        params=params or {"epochs": 2, "steps": 10},
        once=once,
        **arguments,
    )


def updates(schedule, until):
    steps, step = [], -1
    while (step := schedule.due_after(step)) <= until:
        steps.append(step)
    return steps


@settings(max_examples=15, deadline=None)
@given(
    begin=st.integers(0, 9), span=st.integers(1, 20), every=st.integers(1, 7)
)
def test_updates_are_those_of_tfmot_and_the_end_step(begin, span, every):
    end = begin + span
    ours = build(begin_step=begin, end_step=end, frequency=every)
    tfmots = [s for s in range(40) if bool(ours.schedule(s)[0])]
    assert updates(ours, 39) == sorted({*tfmots, end})


def test_constant_schedule_updates_without_end_like_tfmot():
    ours = build("constant", begin_step=3, frequency=5)
    tfmots = [s for s in range(30) if bool(ours.schedule(s)[0])]
    assert updates(ours, 29) == tfmots
    assert ours.reached_at == 3


def test_polynomial_ends_at_three_quarters_of_the_steps():
    assert build().end == 15
    assert build(begin_step=12).end == 12 + 6
    assert float(build().schedule(15)[1]) == pytest.approx(0.8)


def test_m_by_n_updates_once():
    assert updates(build(once=True, begin_step=4), 100) == [4]
    assert build(once=True).due_after(0) == math.inf


def test_schedule_object_keeps_its_own_steps():
    own = _tfmot()[1].PolynomialDecay(0.1, 0.8, 5, 20, frequency=6)
    assert updates(build(own), 50) == [5, 11, 17, 20]


def test_unknown_number_of_steps_needs_end_step():
    with pytest.raises(ValueError, match="number of steps in an epoch"):
        build(params={"epochs": 2, "steps": None})
    assert build(params={"epochs": 2, "steps": None}, end_step=7).end == 7


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"final_sparsity": 1.0}, "final_sparsity.*below 1. Received.*1.0"),
        ({"final_sparsity": -0.1}, r"final_sparsity.*Received"),
        ({"schedule": "linear"}, "constant, polynomial.*'linear'"),
        ({"schedule": object()}, "Invalid value for `schedule`"),
        ({"begin_step": -1}, "Invalid value for `begin_step`"),
        ({"begin_step": 9, "end_step": 5}, "`end_step` must be greater.*5"),
        ({"begin_step": 5, "end_step": 5}, "`end_step` must be greater"),
        ({"frequency": 0}, "Invalid value for `frequency`"),
    ],
)
def test_arguments_out_of_range_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_schedule(**{"final_sparsity": 0.5, **arguments})


def test_schedule_object_with_steps_or_another_sparsity_is_an_error():
    own = _tfmot()[1].ConstantSparsity(0.6, 0)
    check_schedule(0.6, own)
    with pytest.raises(
        ValueError, match="that of the schedule object.*0.6.*0.5"
    ):
        check_schedule(0.5, own)
    with pytest.raises(ValueError, match="has its own steps.*begin_step=3"):
        check_schedule(0.6, own, begin_step=3)
