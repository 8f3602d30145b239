"""Weights that let scarce classes count as much as frequent ones."""

import numpy as np

# A class with less than this part of its even share counts as if it had it.
SCARCEST = 0.1


def class_weights(shares, power, classes):
    """What an image weighs by the teacher's first choice.

    An image of class c, which has a share s_c of the pool, weighs (C s_c)^-p
    among C classes, over the mean of this over the pool: at p = 1 all classes
    weigh alike, at p = 0 all images. Shares below a tenth of the even one are
    taken for that, so that a few images never weigh like a whole class.
    The aim is that of the class weights of Xu et al. 2019 (arXiv:1909.09757);
    this form is ours.

    Args:
        shares: Float array (classes,), at least 0, not all 0; may be `None`
            at p = 0.
        power: Float p in [0, 1].
        classes: Int C.

    Returns:
        Float32 array (classes,), the mean of which over the pool is 1; `None`
        at p = 0, where all images weigh alike.

    Raises:
        ValueError: If the shares or the power are none.
    """
    if not 0 <= power <= 1:
        raise ValueError(
            "The mimic loss is balanced between images and classes. Expected: "
            f"0 <= mimic_balance <= 1. Received: mimic_balance={power}"
        )
    if power == 0:
        return None
    given = np.asarray([] if shares is None else shares, "float64")
    if given.shape != (classes,) or not given.min() >= 0 < given.sum():
        raise ValueError(
            "To balance classes their shares of the pool must be known. "
            f"Expected: class_shares, {classes} numbers of at least 0, one for "
            f"each class. Received: class_shares={shares!r}"
        )
    given = given / given.sum()
    weights = np.maximum(classes * given, SCARCEST) ** -power
    return (weights / (given * weights).sum()).astype("float32")
