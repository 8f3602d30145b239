import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfdcu.report.label_placement import place_labels
from tfdcu.report.label_placement import spread


def crowd(seed, num=8):
    """Points within a hair of each other, two of them the same."""
    generator = np.random.default_rng(seed)
    near = 10 + generator.uniform(-0.2, 0.2, (num, 2))
    near[1] = near[0]
    return [(x, y, f"student {i}", "black") for i, (x, y) in enumerate(near)]


@pytest.mark.parametrize("seed", range(5))
def test_no_name_covers_another_or_a_point_or_leaves_the_axes(seed):
    figure = Figure((6, 5))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(8, 12), ylim=(8, 12))
    points = crowd(seed)
    boxes = place_labels(axes, points, lines=[10])
    frame = axes.get_window_extent()
    marks = axes.transData.transform([point[:2] for point in points])
    height = axes.transData.transform((1, 10))[1]
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)
    for box in boxes:
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1
        assert frame.y0 <= box.y0 and box.y1 <= frame.y1
        assert not any(box.contains(*mark) for mark in marks)
        assert not box.y0 <= height <= box.y1


def test_the_boxes_are_where_the_names_are_drawn():
    figure = Figure((4, 4))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(8, 12), ylim=(8, 12))
    boxes = place_labels(axes, crowd(0, 4))
    figure.canvas.draw()
    names = [text for text in axes.texts if text.get_text()]
    for box, name in zip(boxes, names, strict=True):
        drawn = name.get_window_extent()
        np.testing.assert_allclose(box.bounds, drawn.bounds, atol=1.5)


def test_spread_by_hand():
    assert spread([1, 5], 1, 0, 10) == [1, 5]
    assert spread([5, 5], 1, 0, 10) == [5, 6]
    assert spread([9.8, 9.9], 1, 0, 10) == [9, 10]
    assert spread([-1, 0, 3], 2, 0, 10) == [0, 2, 4]


def test_spread_keeps_order_and_gap():
    heights = list(np.random.default_rng(0).uniform(0, 1, 6))
    moved = spread(heights, 0.12, 0, 1)
    assert list(np.argsort(moved)) == list(np.argsort(heights))
    assert np.diff(sorted(moved)).min() >= 0.12 - 1e-12
    assert min(moved) >= 0 and max(moved) <= 1
