"""Laws of the selection criteria, by hand."""

import numpy as np
import pytest

from tfdcu.pool import criteria
from tfdcu.pool.criteria import resolve_selection


def outputs(probabilities, **others):
    logits = np.log(np.asarray(probabilities)).astype("float32")
    return {"logits": logits, "labeled": None, **others}


def order(scores):
    return np.argsort(-scores, kind="stable").tolist()


def test_the_most_confident_come_first():
    said = outputs([[0.5, 0.5], [0.1, 0.9], [0.95, 0.05], [0.4, 0.6]])
    scores, num = resolve_selection("confidence")(said, 0)
    assert order(scores) == [2, 1, 3, 0]
    assert num == 2
    np.testing.assert_allclose(scores, np.log([0.5, 0.9, 0.95, 0.6]), 1e-6)


def test_classes_take_turns_and_are_capped_at_the_median():
    # Of class 0 four images, of class 1 two, of class 2 one.
    firsts = [0, 0, 1, 0, 2, 1, 0]
    sure = [0.5, 0.8, 0.6, 0.7, 0.9, 0.5, 0.6]
    said = np.full((7, 3), 0.01)
    said[range(7), firsts] = sure
    scores, num = resolve_selection("balance")(outputs(said), 0)
    assert order(scores) == [4, 1, 2, 3, 5, 6, 0]
    assert num == 2 + 2 + 1
    kept = np.array(firsts)[order(scores)[:3]]
    assert sorted(kept) == [0, 1, 2]


def test_the_like_of_the_labeled_images_come_first():
    generator = np.random.default_rng(0)
    few = generator.normal(3, 1, (60, 4))
    pool = generator.normal(0, 1, (400, 4))
    pool[:100] += 3
    said = outputs(np.full((400, 2), 0.5), features=pool)
    said["labeled"] = outputs(np.full((60, 2), 0.5), features=few)
    scores, num = resolve_selection("nnpu")(said, 0)
    assert 80 <= num <= 130
    assert (np.array(order(scores)[:100]) < 100).mean() > 0.95


def test_too_few_labeled_images_are_refused():
    said = outputs(np.full((20, 2), 0.5), features=np.zeros((20, 3)))
    said["labeled"] = outputs(np.full((9, 2), 0.5), features=np.zeros((9, 3)))
    with pytest.raises(ValueError, match="by='nnpu'. Received: 9"):
        resolve_selection("nnpu")(said, 0)


def test_too_few_unlabeled_images_are_refused():
    said = outputs(np.full((3, 2), 0.5), features=np.zeros((3, 3)))
    said["labeled"] = outputs(np.full((12, 2), 0.5), features=np.ones((12, 3)))
    with pytest.raises(ValueError, match="images of the pool.* Received: 3"):
        resolve_selection("nnpu")(said, 0)


@pytest.mark.parametrize(
    ("scores", "num"),
    [
        ([1.0, 1.0, 1.0], 3),
        ([5.0], 1),
        ([0.0, 0.1, 10.0, 9.9, 0.2], 2),
        ([-1.0, 7.0, 7.0, 7.0], 3),
    ],
)
def test_the_higher_of_two_groups_by_hand(scores, num):
    assert criteria.size_of_upper_group(np.array(scores)) == num


def test_groups_minimize_the_variance_within():
    scores = np.random.default_rng(0).random(40) ** 2
    ordered = np.sort(scores)[::-1]
    within = [
        num * ordered[:num].var() + (40 - num) * ordered[num:].var()
        for num in range(1, 40)
    ]
    assert criteria.size_of_upper_group(scores) == 1 + np.argmin(within)


def test_a_function_gets_the_outputs_and_its_scores_are_kept():
    said = outputs([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    by = resolve_selection(lambda found: -found["logits"].max(1))
    scores, num = by(said, 0)
    assert order(scores) == [1, 2, 0] and num == 1


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0], r"of shape \(3,\). Received: shape \(1,\)"),
        ([1.0, np.nan, np.inf], "2 of them not finite"),
    ],
)
def test_invalid_scores_are_refused(scores, message):
    said = outputs(np.full((3, 2), 0.5))
    with pytest.raises(ValueError, match=message):
        resolve_selection(lambda found: scores)(said, 0)


def test_an_unknown_name_lists_the_known_ones():
    known = r"\['balance', 'confidence', 'nnpu'\]"
    with pytest.raises(ValueError, match=f"{known}.*by='margin'"):
        resolve_selection("margin")
