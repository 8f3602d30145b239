"""Class weights for the mimic loss on an imbalanced pool."""

import numpy as np

# Lower bound of a class's share, as a fraction of the uniform share 1 / C.
SCARCEST = 0.1


def class_weights(shares, power, classes):
    """Weight of an image by the class that the teacher predicts.

    With C classes, an image of class c, whose share of the pool is s_c, gets
    the weight (C s_c)^-p, normalized to a mean of 1 over the pool. At p = 1
    all classes weigh the same, at p = 0 all images. Shares are clipped from
    below at 0.1 / C, so that a few images do not weigh as much as a class.
    Compare the class weights of Xu et al. 2019 (arXiv:1909.09757).

    Args:
        shares: Float array (classes,), at least 0, not all 0. Can be `None`
            if `power` is 0.
        power: Float p in [0, 1].
        classes: Int C.

    Returns:
        Float32 array (classes,) with mean 1 over the pool, or `None` if
        `power` is 0.

    Raises:
        ValueError: If `shares` or `power` is invalid.
    """
    if not 0 <= power <= 1:
        raise ValueError(
            "Invalid value for `mimic_balance`. Expected: "
            f"0 <= mimic_balance <= 1. Received: mimic_balance={power}"
        )
    if power == 0:
        return None
    given = np.asarray([] if shares is None else shares, "float64")
    if given.shape != (classes,) or not given.min() >= 0 < given.sum():
        raise ValueError(
            "Invalid value for `class_shares`, required by `mimic_balance`. "
            f"Expected: {classes} numbers of at least 0, one per class. "
            f"Received: class_shares={shares!r}"
        )
    given = given / given.sum()
    weights = np.maximum(classes * given, SCARCEST) ** -power
    return (weights / (given * weights).sum()).astype("float32")
