"""Laws of the label term: a mean over images for every loss."""

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.distill.losses import label_term
from tfdcu.distill.losses import resolve_label

LABELS = tiny.labels(6)
LOGITS = np.random.default_rng(0).normal(0, 3, (6, 4)).astype("float32")


def by_hand():
    rows = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
    return -rows[np.arange(6), LABELS]


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_it_is_the_mean_over_images(reduction):
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=reduction
    )
    value = label_term(resolve_label(loss), LABELS, LOGITS)
    np.testing.assert_allclose(value, by_hand().mean(), rtol=1e-5)


def test_images_may_weigh_and_may_be_absent():
    weight = np.array([0, 1, 2, 0, 1, 2], "float32")
    value = label_term(resolve_label(), LABELS, LOGITS, weight)
    np.testing.assert_allclose(value, (by_hand() * weight).mean(), rtol=1e-5)
    rows = label_term(resolve_label(), LABELS, LOGITS, weight[:, None])
    np.testing.assert_array_equal(rows, value)
    assert label_term(resolve_label(), None, LOGITS[:0]) == 0.0


def test_several_weights_an_image_are_refused():
    with pytest.raises(
        ValueError, match=r"one weight per image.*Received: shape \(6, 4"
    ):
        label_term(resolve_label(), LABELS, LOGITS, LOGITS)


@pytest.mark.parametrize(
    "loss", ["mse", keras.losses.CategoricalCrossentropy()]
)
def test_losses_on_probabilities_are_refused(loss):
    with pytest.raises(ValueError, match="Expected: an instance.*Received"):
        resolve_label(loss)
