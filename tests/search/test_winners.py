import types

from hypothesis import given
from hypothesis import strategies as st

from tfdcu.search.winners import front
from tfdcu.search.winners import spread_along
from tfdcu.search.winners import winners
from tfdcu.search.winners import with_front

POINTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12
)


def dominates(one, other):
    better = one[0] > other[0] or one[1] < other[1]
    return one[0] >= other[0] and one[1] <= other[1] and better


OBJECTIVE = types.SimpleNamespace(quality="agreement", cost="macs")


def student(trial, quality, macs, score=0.0, reason=None):
    return {
        "trial": trial,
        "val_agreement": quality,
        "macs": macs,
        "score": score,
        "reason": reason,
    }


def outcome(trial, *numbers):
    return {"trial": trial, "metrics": student(trial, *numbers)}


def test_winners_are_the_front_of_the_trials_by_cost():
    trials = [
        outcome("0", 0.9, 100, 0.5),
        outcome("1", 0.8, 200, 0.9),
        outcome("2", 0.95, 300, 0.4),
        outcome("3", 0.5, 10, 0.3),
    ]
    assert [one["trial"] for one in winners(OBJECTIVE, trials, 5)] == [
        "3",
        "0",
        "2",
    ]


def test_of_many_winners_the_best_the_choice_and_the_ends_come_first():
    trials = [outcome(str(n), n / 10, n, 1.0 * (n == 3)) for n in range(1, 9)]
    assert [one["trial"] for one in winners(OBJECTIVE, trials, 1)] == ["8"]
    assert [one["trial"] for one in winners(OBJECTIVE, trials, 2)] == ["3", "8"]
    few = [one["trial"] for one in winners(OBJECTIVE, trials, 4)]
    assert few[0] == "1" and "3" in few and few[-1] == "8"


def test_the_final_front_leaves_out_what_is_dominated_or_over_a_limit():
    students = [
        student("0", 0.9, 100, 0.7),
        student("1", 0.8, 200, 0.6),
        student("2", 0.99, 50, 0.99, reason="bytes is 9, the limit 8"),
        {"trial": "3", "reason": "The loss became nan"},
        student("4", 0.95, 400, 0.8),
    ]
    found = with_front(OBJECTIVE, students)
    assert [one["on_front"] for one in found] == [1, 0, 0, 0, 1]
    assert [one["chosen"] for one in found] == [0, 0, 0, 0, 1]


def test_what_beats_the_config_as_it_stands_is_among_few_winners():
    trials = [outcome(str(n), n / 10, n, 1.0 * (n == 8)) for n in range(1, 9)]
    first = outcome("00", 0.35, 5.5)
    few = [one["trial"] for one in winners(OBJECTIVE, [first, *trials], 3)]
    assert few == ["1", "5", "8"]
    unbeaten = outcome("00", 0.55, 5.5)
    few = [one["trial"] for one in winners(OBJECTIVE, [unbeaten, *trials], 3)]
    assert few == ["1", "00", "8"]


@given(POINTS)
def test_the_front_is_what_no_point_dominates(points):
    indices = front(points)
    undominated = {
        point
        for point in points
        if not any(dominates(other, point) for other in points)
    }
    assert {points[index] for index in indices} == undominated
    assert len(indices) == len(undominated)


@given(POINTS)
def test_along_the_front_quality_and_cost_rise(points):
    along = [points[index] for index in front(points)]
    for (quality, cost), (higher, dearer) in zip(along, along[1:]):
        assert quality < higher and cost < dearer


def test_of_equal_points_the_first_is_kept():
    assert front([(1, 1), (1, 1)]) == [0]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 11))
def test_few_of_the_front_are_in_order_with_the_wanted_first(size, num, one):
    indices = list(range(100, 100 + size))
    wanted = indices[one % size]
    taken = spread_along(indices, num, [wanted])
    assert taken == sorted(set(taken))
    assert len(taken) == min(size, num)
    assert wanted in taken
    if num >= 3:
        assert {indices[0], indices[-1]} <= set(taken)
