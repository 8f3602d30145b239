from hypothesis import given
from hypothesis import strategies as st

from tfdcu.search.winners import front
from tfdcu.search.winners import spread_along

POINTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12
)


def dominates(one, other):
    better = one[0] > other[0] or one[1] < other[1]
    return one[0] >= other[0] and one[1] <= other[1] and better


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
