import io

import numpy as np
from PIL import Image

from tests.support import tiny
from tfdcu.report import accuracy_figure
from tfdcu.report import figures
from tfdcu.report import relative_figure
from tfdcu.report import style


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def drawn(function, rows):
    """The figure itself, to read what is on it."""
    kept = []

    def keep(new_figure, rows):
        kept.append(function(new_figure, rows))
        return kept[0]

    style.draw(keep, rows)
    return kept[0]


def test_a_figure_is_a_png_with_reproducible_bytes():
    rows = tiny.report_record()["rows"]
    for function in (accuracy_figure, relative_figure):
        png = function(rows)
        assert png.startswith(b"\x89PNG")
        assert pixels(png).shape[1] >= 1000
        assert png == function(rows)


def test_each_file_is_a_point_at_its_size_and_accuracy():
    rows = tiny.report_record()["rows"]
    sizes, latencies, *_ = drawn(figures._draw_accuracy, rows).axes
    for axes, expected in (
        (sizes, [(80, 80), (40, 60), (10, 60)]),
        (latencies, [(2, 80), (1, 60), (3, 60)]),
    ):
        points = [
            (line.get_xdata()[0], line.get_ydata()[0])
            for line in axes.lines
            if line.get_linestyle() == "None"
        ]
        np.testing.assert_allclose(points, expected)


def test_keras_models_are_lines():
    rows = tiny.report_record()["rows"]
    panel = drawn(figures._draw_accuracy, rows).axes[-1]
    heights = [
        line.get_ydata()[0]
        for line in panel.lines
        if line.get_linestyle() != "None"
    ]
    np.testing.assert_allclose(heights, [80, 40, 60])


def test_a_legend_beside_the_panels_names_every_row_once():
    rows = tiny.report_record()["rows"]
    rows[1]["bytes"] = None
    figure = drawn(figures._draw_accuracy, rows)
    (legend,) = figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == [
        "labels-only baseline: 40.0 %",
        "student float32: 60.0 %",
        "student int8: 60.0 %",
        "student: 60.0 %",
        "teacher float32: 80.0 %",
        "teacher: 80.0 %",
    ]
    looks = [
        (line.get_marker(), line.get_linestyle(), line.get_color())
        for line in legend.get_lines()
    ]
    assert len(set(looks)) == len(looks)
    box = legend.get_window_extent()
    assert not any(
        box.overlaps(axes.get_window_extent()) for axes in figure.axes
    )
    assert box.x1 <= figure.bbox.x1 and box.y0 >= 0


def test_bars_are_the_ratios_to_the_teacher():
    rows = tiny.report_record()["rows"]
    panels = drawn(figures._draw_relative, rows).axes
    widths = [[bar.get_width() for bar in axes.patches] for axes in panels]
    np.testing.assert_allclose(
        widths,
        [
            [0.25, 0.25, 0.25, 0.25],
            [0.5, 0.5, 0.5, 0.5],
            [0, 0, 0.5, 0.125],
            [0, 0, 0.5, 1.5],
        ],
    )
    assert [text.get_text() for text in panels[3].texts] == [
        "–",
        "–",
        "2.0x faster",
        "1.5x slower",
    ]


def test_no_figure_without_numbers():
    rows = tiny.report_record()["rows"]
    assert accuracy_figure([rows[0], rows[3]]) is None
    assert relative_figure(rows[:2]) is None
    assert relative_figure(rows[3:]) is None


def test_a_missing_latency_leaves_one_panel():
    rows = tiny.report_record()["rows"]
    for row in rows:
        row["latency_ms"] = None
    assert len(drawn(figures._draw_accuracy, rows).axes) == 1
    assert len(drawn(figures._draw_relative, rows).axes) == 3


def test_no_setting_of_matplotlib_is_changed():
    import matplotlib

    before = dict(matplotlib.rcParams)
    accuracy_figure(tiny.report_record()["rows"])
    assert dict(matplotlib.rcParams) == before
