"""Shares of several seeds as a cell of a table."""

import numpy as np


def percent(shares):
    """The mean in percent, with the lowest and highest where they differ.

    >>> percent([0.8, 0.9])
    '85.0 (80.0 to 90.0)'
    """
    shares = 100 * np.asarray(shares)
    low, high = shares.min(), shares.max()
    spread = f" ({low:.1f} to {high:.1f})" if high > low else ""
    return f"{shares.mean():.1f}{spread}"
