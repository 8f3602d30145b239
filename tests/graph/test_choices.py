"""Laws of choices and their measures: values by hand."""

import numpy as np
import pytest

from tfdcu.graph.choices import average_precision
from tfdcu.graph.choices import choices
from tfdcu.graph.choices import mean_average_precision
from tfdcu.graph.choices import mean_iou


def test_precision_is_averaged_over_the_images_that_have_the_label():
    scores = np.float32([0.9, 0.8, 0.7, 0.6, 0.5])
    # At the first, third and fourth place: 1/1, 2/3, 3/4.
    expected = (1 + 2 / 3 + 3 / 4) / 3
    assert average_precision([1, 0, 1, 1, 0], scores) == pytest.approx(expected)
    order = [3, 0, 4, 1, 2]
    labels = np.array([1, 0, 1, 1, 0])[order]
    assert average_precision(labels, scores[order]) == pytest.approx(expected)
    assert average_precision([1, 1, 0, 0, 0], scores) == 1
    assert average_precision([0, 0, 0, 0, 1], scores) == pytest.approx(1 / 5)


def test_equal_scores_count_together():
    # Whatever their order, 2 of 4 have the label.
    for labels in ([1, 1, 0, 0], [0, 0, 1, 1]):
        assert average_precision(labels, np.zeros(4)) == 0.5


def test_labels_that_do_not_occur_are_left_out_of_the_mean():
    scores = np.float32([[0.9, 0.1], [0.8, 0.2]])
    labels = np.array([[0, 0], [1, 0]])
    assert mean_average_precision(labels, scores) == 0.5
    assert mean_average_precision(0 * labels, scores) is None


def test_precision_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    labels = (generator.random((50, 4)) < 0.3).astype("int32")
    scores = generator.integers(0, 9, (50, 4)) / 9
    np.testing.assert_allclose(
        mean_average_precision(labels, scores),
        metrics.average_precision_score(labels, scores, average="macro"),
    )


def test_intersection_over_union_of_two_classes():
    labels = np.array([[0, 0, 1, 1]])
    chosen = np.array([[0, 1, 1, 1]])
    assert mean_iou(labels, chosen) == pytest.approx((1 / 2 + 2 / 3) / 2)
    # A class that is only predicted counts as 0.
    assert mean_iou(labels, chosen + (chosen == 1)) == pytest.approx(0.5 / 3)


def test_choices_of_each_kind():
    logits = np.float32([[1, -1, 2], [-3, -2, -1]])
    assert choices(logits, "classes").tolist() == [2, 2]
    assert choices(logits, "labels").tolist() == [[1, 0, 1], [0, 0, 0]]
    assert choices(logits, "labels", 1.5).tolist() == [[0, 0, 1], [0, 0, 0]]
    maps = logits.reshape(1, 2, 3, 1)
    assert choices(maps, "labels").tolist() == [[[1, 0, 1], [0, 0, 0]]]
