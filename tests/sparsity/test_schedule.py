"""Masks move exactly when TFMOT's schedule says so, and at its end."""

import math

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tfdcu.sparsity.schedule import SparsitySchedule
from tfdcu.sparsity.schedule import check_plan
from tfdcu.sparsity.sparsify import _tfmot


def plan(schedule="polynomial", params=None, once=False, **arguments):
    arguments = {
        "initial_sparsity": 0.0,
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


def moves(of, until):
    steps, step = [], -1
    while (step := of.due_after(step)) <= until:
        steps.append(step)
    return steps


@settings(max_examples=15, deadline=None)
@given(
    begin=st.integers(0, 9), span=st.integers(1, 20), every=st.integers(1, 7)
)
def test_moves_are_tfmots_own_and_the_end(begin, span, every):
    end = begin + span
    ours = plan(begin_step=begin, end_step=end, frequency=every)
    tfmots = [s for s in range(40) if bool(ours.schedule(s)[0])]
    assert moves(ours, 39) == sorted({*tfmots, end})


def test_constant_schedule_moves_forever_as_tfmots_does():
    ours = plan("constant", begin_step=3, frequency=5)
    tfmots = [s for s in range(30) if bool(ours.schedule(s)[0])]
    assert moves(ours, 29) == tfmots
    assert ours.reached_at == 3


def test_polynomial_ends_at_three_quarters_of_the_planned_steps():
    assert plan().end == 15
    assert plan(begin_step=12).end == 12 + 6
    assert float(plan().schedule(15)[1]) == pytest.approx(0.8)


def test_m_by_n_moves_once():
    assert moves(plan(once=True, begin_step=4), 100) == [4]
    assert plan(once=True).due_after(0) == math.inf


def test_schedule_object_keeps_its_own_steps():
    own = _tfmot()[1].PolynomialDecay(0.1, 0.8, 5, 20, frequency=6)
    assert moves(plan(own), 50) == [5, 11, 17, 20]


def test_unknown_steps_need_an_end():
    with pytest.raises(ValueError, match="number of steps in an epoch"):
        plan(params={"epochs": 2, "steps": None})
    assert plan(params={"epochs": 2, "steps": None}, end_step=7).end == 7


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"final_sparsity": 1.0}, r"final_sparsity.*\[0, 1\).*1.0"),
        ({"final_sparsity": -0.1}, r"final_sparsity.*Received"),
        ({"initial_sparsity": 1.5}, r"initial_sparsity.*Received"),
        ({"schedule": "linear"}, "constant, polynomial.*'linear'"),
        ({"schedule": object()}, "not a sparsity schedule"),
        ({"begin_step": -1}, "begin_step must not be negative"),
        ({"begin_step": 9, "end_step": 5}, "end_step must come after.*5"),
        ({"begin_step": 5, "end_step": 5}, "end_step must come after"),
        ({"frequency": 0}, "frequency must be"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_plan(**{"final_sparsity": 0.5, **arguments})


def test_schedule_object_beside_steps_or_another_end_is_refused():
    own = _tfmot()[1].ConstantSparsity(0.6, 0)
    check_plan(0.6, own)
    with pytest.raises(ValueError, match="ends elsewhere.*0.6.*0.5"):
        check_plan(0.5, own)
    with pytest.raises(ValueError, match="holds its own steps.*begin_step=3"):
        check_plan(0.6, own, begin_step=3)
