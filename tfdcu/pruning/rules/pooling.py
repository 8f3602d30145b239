"""Pruning rules for pooling, padding and resizing."""

from tfdcu.pruning.rules.registry import channel_axis
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import layers_named
from tfdcu.pruning.rules.registry import register_rule


def _by_window(step):
    """Keeps the spatial axes; channels pass through."""
    axes = step.axes()
    channel = channel_axis(step.op) % len(axes)
    space = set(range(1, len(axes))) - {channel}
    return fix_axes(step, axes, space)


def _global(step):
    """Removes the spatial axes; channels pass through."""
    axes = _by_window(step)
    if step.op.keepdims:
        return axes
    return [axes[0], axes[channel_axis(step.op)]]


_SPACE = "1D", "2D", "3D"
_WINDOWED = [
    name + rank
    for name in (
        "AdaptiveAveragePooling",
        "AdaptiveMaxPooling",
        "AveragePooling",
        "Cropping",
        "MaxPooling",
        "UpSampling",
        "ZeroPadding",
    )
    for rank in _SPACE
]
register_rule(
    *layers_named(*_WINDOWED, "CenterCrop", "Resizing"),
    "ops.AveragePool",
    "ops.MaxPool",
    "ops.Resize",
    rule=_by_window,
)
register_rule(
    *layers_named(
        *(
            f"Global{kind}Pooling{n}"
            for kind in ("Average", "Max")
            for n in _SPACE
        )
    ),
    rule=_global,
)
