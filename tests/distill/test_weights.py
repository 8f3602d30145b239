"""Laws of the weights of the loss terms."""

import pytest

from tfdcu.distill.losses import check_weights


def test_weights_in_range_pass():
    check_weights(0.1, label_weight=0.0, mimic_weight=3)


@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_a_negative_weight_is_refused(value):
    with pytest.raises(ValueError, match=f"Received: second={value}"):
        check_weights(1.0, first=0.0, second=value)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="> 0. Received: temperature=0"):
        check_weights(0)
