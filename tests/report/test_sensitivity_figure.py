"""The figure shows all groups, or the most sensitive ones."""

from tfdcu.report.sensitivity_figure import sensitivity_figure
from tfdcu.report.sensitivity_figure import shown


def _record(num):
    rows = [
        {"group": f"conv{i}", "size": 8, "divergence": [0.0, 10.0**-i]}
        for i in range(num)
    ]
    return {"shares": [0.25, 0.5], "groups": rows}


def test_it_is_a_picture_and_always_the_same():
    content = sensitivity_figure(_record(5))
    assert content.startswith(b"\x89PNG")
    assert content == sensitivity_figure(_record(5))


def test_the_most_sensitive_groups_are_shown_in_order():
    record = _record(6)
    record["groups"].reverse()
    names = [row["group"] for row in shown(record, 3)]
    assert names == ["conv2", "conv1", "conv0"]


def test_nothing_to_draw():
    assert sensitivity_figure(_record(0)) is None
