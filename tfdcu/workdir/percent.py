"""Shares as percentages, in messages and reports."""

MISSING = "–"


def percent(fraction, digits=2):
    """Formats 0.9817 as '98.17 %'; rounds numbers below 1 to below 100 %."""
    if fraction is None:
        return MISSING
    value = round(100 * fraction, digits)
    if value >= 100 > 100 * fraction:
        value = 100 - 10**-digits
    return f"{value:.{digits}f} %"
