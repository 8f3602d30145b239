"""What pixels may be: finite, and within their range."""

import numpy as np


def check_pixels(images, value_range):
    """Raises if pixels are not finite or not within their range.

    Args:
        images: Array of any shape.
        value_range: `(low, high)` of the pixels. Values outside by more than a
            tenth of the range are an error; smaller deviations are allowed,
            since cubic interpolation causes them. `None`: any finite value.

    Raises:
        ValueError: If a pixel is none.
    """
    low, high = value_range or (-np.inf, np.inf)
    if not np.isfinite(images).all():
        raise ValueError(
            "The images have values that are not finite. Expected: pixels in "
            f"[{low}, {high}]. Received: "
            f"{np.count_nonzero(~np.isfinite(images))} NaN or infinite values"
        )
    slack = 0.1 * (high - low)
    if images.min() < low - slack or images.max() > high + slack:
        raise ValueError(
            "The images have pixels out of range. Expected: pixels in "
            f"[{low}, {high}] (see `value_range`). Received: values from "
            f"{images.min():g} to {images.max():g}"
        )
