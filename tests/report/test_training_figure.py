import numpy as np
import pytest

from tests.report.test_figures import drawn
from tests.support import tiny
from tfdcu.report import training_figure
from tfdcu.report.training_figure import _draw


def panels(history):
    """{title: {name of a curve: its values}} of the picture."""
    return {
        axes.get_title(loc="left"): {
            line.get_label(): line.get_ydata() for line in axes.lines
        }
        for axes in drawn(_draw, history).axes
    }


def test_losses_domain_accuracy_and_accuracies_are_drawn():
    history = tiny.report_record()["history"]
    found = panels(history)
    student = history["student"]
    losses = found["loss and its terms"]
    assert list(losses) == ["total", "label", "mimic", "align"]
    np.testing.assert_allclose(losses["total"], student["loss"])
    np.testing.assert_allclose(losses["align"], student["align"])
    domain = found["domain accuracy"]
    np.testing.assert_allclose(domain["in training"], [0.9, 0.6])
    np.testing.assert_allclose(domain["0.5: aligned"], 0.5)
    scores = found["accuracy"]
    np.testing.assert_allclose(scores["validation"], [0.3, 0.6])
    np.testing.assert_allclose(scores["labels only"], [0.2, 0.4])


def test_the_features_term_is_drawn():
    student = {**tiny.report_record()["history"]["student"]}
    student["features"] = [0.4, 0.3]
    losses = panels({"student": student})["loss and its terms"]
    assert list(losses) == ["total", "label", "mimic", "features", "align"]
    np.testing.assert_allclose(losses["features"], [0.4, 0.3])


def test_a_missing_epoch_is_a_gap_and_an_empty_metric_no_curve():
    found = panels({"student": {"loss": [1.0, None, 2.0], "align": [None]}})
    assert list(found) == ["loss and its terms"]
    losses = found["loss and its terms"]
    assert list(losses) == ["total"]
    np.testing.assert_array_equal(losses["total"], [1.0, np.nan, 2.0])


def test_a_metric_that_is_never_a_number_is_no_curve():
    nan = float("nan")
    found = panels({"student": {"loss": [1.0, 2.0], "mimic": [nan, nan]}})
    assert list(found["loss and its terms"]) == ["total"]
    assert training_figure({"student": {"loss": [nan]}}) is None


def test_the_picture_is_a_png_or_none():
    history = tiny.report_record()["history"]
    png = training_figure(history)
    assert png.startswith(b"\x89PNG")
    assert png == training_figure(history)
    for nothing in ({}, {"student": {}}, {"student": {"loss": []}}):
        assert training_figure(nothing) is None
    assert training_figure({"baseline": history["baseline"]}) is None


@pytest.mark.parametrize("align", [0.0, 0.3])
def test_no_domain_accuracy_without_alignment(align):
    metrics = {"loss": [1.0], "align": [align], "domain_accuracy": [0.5]}
    found = panels({"student": metrics})
    assert ("domain accuracy" in found) == bool(align)
    assert ("align" in found["loss and its terms"]) == bool(align)
