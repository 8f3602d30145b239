"""Laws of pixels: finite, and within their range but for a tenth."""

import numpy as np
import pytest

from tfdcu.graph.pixels import check_pixels

FINE = np.array([[-0.05, 0.5], [1.0, 1.09]])


def test_a_tenth_beyond_the_ends_is_allowed():
    check_pixels(FINE, (0.0, 1.0))
    check_pixels(255 * FINE, (0, 255))
    check_pixels(1e9 * FINE, None)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (255 * FINE, r"Expected.*\[0.0, 1.0\].*Received.* to 277.95"),
        (FINE - 0.1, "out of range"),
        (np.array([0.5, np.nan, np.inf]), "not finite.*Received: 2 NaN"),
    ],
)
def test_others_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        check_pixels(images, (0.0, 1.0))
