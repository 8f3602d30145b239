"""Format numbers with units, as percentages and as ratios."""

from tfdcu.workdir.percent import MISSING
from tfdcu.workdir.percent import percent

__all__ = [
    "COMPARED",
    "MISSING",
    "compared",
    "count",
    "duration",
    "milliseconds",
    "multiple",
    "percent",
    "size",
]
COMPARED = {
    "macs": ("fewer macs", "more macs", "same macs"),
    "params": ("fewer params", "more params", "same params"),
    "bytes": ("smaller", "larger", "same size"),
    "gzip_bytes": ("smaller", "larger", "same size"),
    "latency_ms": ("faster", "slower", "same speed"),
}


def count(value):
    """Formats 1234567 as '1.23 M': three digits and k, M, G or T."""
    if value is None:
        return MISSING
    for unit in ("", " k", " M", " G"):
        # 999.5 would be rounded to 1000.
        if value < 999.5:
            return _three_digits(value, whole=not unit) + unit
        value /= 1000
    return _three_digits(value) + " T"


def size(num_bytes):
    """Formats 1234567 as '1,235 kB', with 1000 bytes per kB."""
    if num_bytes is None:
        return MISSING
    value = num_bytes / 1000
    return f"{_three_digits(value)} kB"


def milliseconds(value):
    """Formats 0.1234 as '0.123 ms'."""
    return MISSING if value is None else f"{_three_digits(value)} ms"


def duration(seconds):
    """Formats 75 as '1 min 15 s', 3660 as '1 h 1 min', 1.23 as '1.2 s'."""
    if seconds is None:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def compared(key, times):
    """Formats a ratio to the teacher: 0.25 of `bytes` as '4.0x smaller'."""
    if times is None:
        return None
    less, more, same = COMPARED[key]
    factor = 1 / times if 0 < times < 1 else times
    if times == 0 or f"{factor:.2f}" == "1.00":
        return same if times else None
    return f"{multiple(factor)} {less if times < 1 else more}"


def multiple(factor):
    """Formats 4.13 as '4.1x', 15.97 as '16x', 1.04 as '1.04x'."""
    if factor >= 9.95:
        return f"{factor:,.0f}x"
    return f"{factor:.2f}x" if factor < 1.095 else f"{factor:.1f}x"


def _three_digits(value, whole=False):
    if whole or value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.995 else f"{value:.3g}"
