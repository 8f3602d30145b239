import pytest

from tfdcu.report import units


@pytest.mark.parametrize(
    "show, value, text",
    [
        (units.percent, 0.98174, "98.17 %"),
        (units.percent, 1.0, "100.00 %"),
        (units.percent, 0.999999, "99.99 %"),
        (units.percent, 0.0, "0.00 %"),
        (units.count, 999, "999"),
        (units.count, 999.6, "1.00 k"),
        (units.count, 17_124, "17.1 k"),
        (units.count, 271_690, "272 k"),
        (units.count, 999_600, "1.00 M"),
        (units.count, 1_234_567, "1.23 M"),
        (units.count, 0, "0"),
        (units.count, 4.1e12, "4.10 T"),
        (units.size, 1_094_312, "1,094 kB"),
        (units.size, 28_100, "28.1 kB"),
        (units.size, 1_000, "1.00 kB"),
        (units.milliseconds, 0.1514, "0.151 ms"),
        (units.milliseconds, 12.34, "12.3 ms"),
        (units.duration, 0.84, "0.8 s"),
        (units.duration, 9.96, "10 s"),
        (units.duration, 59.7, "1 min 0 s"),
        (units.duration, 75, "1 min 15 s"),
        (units.duration, 3 * 3600 + 120, "3 h 2 min"),
    ],
)
def test_numbers_by_hand(show, value, text):
    assert show(value) == text


@pytest.mark.parametrize(
    "show",
    [
        units.percent,
        units.count,
        units.size,
        units.milliseconds,
        units.duration,
    ],
)
def test_missing_values_are_a_dash(show):
    assert show(None) == "–"


@pytest.mark.parametrize(
    "key, times, text",
    [
        ("bytes", 1 / 4.13, "4.1x smaller"),
        ("bytes", 16, "16x larger"),
        ("latency_ms", 1 / 9.96, "10x faster"),
        ("latency_ms", 1.4, "1.4x slower"),
        ("latency_ms", 1.04, "1.04x slower"),
        ("latency_ms", 1.001, "same speed"),
        ("macs", 0.5, "2.0x fewer macs"),
        ("macs", None, None),
    ],
)
def test_ratios_as_text(key, times, text):
    assert units.compared(key, times) == text
