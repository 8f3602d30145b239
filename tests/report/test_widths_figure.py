from tfdcu.report.widths_figure import widths_figure

GROUP = {"group": "conv1", "before": 16, "after": 8, "layers": 1, "why": ""}


def test_there_is_a_picture_where_something_was_pruned():
    assert widths_figure([]) is None
    png = widths_figure([GROUP])
    assert png.startswith(b"\x89PNG")
    assert png == widths_figure([GROUP]) != widths_figure([GROUP] * 2)


def test_a_deep_network_has_a_picture_of_bounded_size():
    assert widths_figure([GROUP] * 40) == widths_figure([GROUP] * 400)


def test_layers_of_a_model_inside_are_told_apart():
    inside = "a_backbone_with_a_long_name_192_block_"
    first, second = (
        widths_figure([GROUP | {"group": f"{inside}{number}"}])
        for number in (1, 2)
    )
    assert first != second
