"""Numbers as people read them: units, per cent, and times the teacher."""

MISSING = "–"
COMPARED = {
    "macs": ("fewer macs", "more macs", "same macs"),
    "params": ("fewer params", "more params", "same params"),
    "bytes": ("smaller", "larger", "same size"),
    "gzip_bytes": ("smaller", "larger", "same size"),
    "latency_ms": ("faster", "slower", "same speed"),
}


def percent(fraction, digits=2):
    """0.9817 as '98.17 %'; never rounds what is below 1 up to 100 %."""
    if fraction is None:
        return MISSING
    value = round(100 * fraction, digits)
    if value >= 100 > 100 * fraction:
        value = 100 - 10**-digits
    return f"{value:.{digits}f} %"


def count(value):
    """1234567 as '1.23 M': three significant digits and k, M, G or T."""
    if value is None:
        return MISSING
    for unit in ("", " k", " M", " G"):
        # 999.5 would show as 1000 with three digits.
        if value < 999.5:
            return _three_digits(value, whole=not unit) + unit
        value /= 1000
    return _three_digits(value) + " T"


def size(num_bytes):
    """1234567 as '1,235 kB', of 1000 bytes each."""
    if num_bytes is None:
        return MISSING
    value = num_bytes / 1000
    return f"{_three_digits(value)} kB"


def milliseconds(value):
    """0.1234 as '0.123 ms'."""
    return MISSING if value is None else f"{_three_digits(value)} ms"


def duration(seconds):
    """75 as '1 min 15 s'; hours show minutes, less than 10 s one decimal."""
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
    """A ratio to the teacher in words: 0.25 of its bytes is '4.0x smaller'."""
    if times is None:
        return None
    less, more, same = COMPARED[key]
    factor = 1 / times if 0 < times < 1 else times
    if times == 0 or f"{factor:.2f}" == "1.00":
        return same if times else None
    return f"{multiple(factor)} {less if times < 1 else more}"


def multiple(factor):
    """4.13 as '4.1x', 15.97 as '16x', 1.04 as '1.04x'."""
    if factor >= 9.95:
        return f"{factor:,.0f}x"
    return f"{factor:.2f}x" if factor < 1.095 else f"{factor:.1f}x"


def _three_digits(value, whole=False):
    if whole or value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.995 else f"{value:.3g}"
