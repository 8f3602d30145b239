"""Pruning rules for the weights of custom layers that were opened."""

from tfdcu.graph.parameter import OnePerImage
from tfdcu.graph.parameter import Parameter
from tfdcu.pruning.rules.registry import register_rule


@register_rule(Parameter)
def parameter(step):
    """Each axis has channels of its own, which operations tie to others."""
    op = step.op
    if not op.kind.startswith(("float", "bfloat")):
        # Numbers of places in other tables.
        return [None] * len(op.shape)
    axes = [
        step.new(axis, size) if size > 1 else None
        for axis, size in enumerate(op.shape)
    ]
    for axis, labels in enumerate(axes):
        step.weight(op.parameter, axis, labels)

    def change(config, count):
        config["shape"] = [
            size if labels is None else count(labels)
            for size, labels in zip(op.shape, axes)
        ]

    step.edit("shape", axes, change)
    return axes


@register_rule(OnePerImage)
def one_per_image(step):
    """Repeats along the first axis; the images' own channels do not matter."""
    return [None, *step.axes(step.node.args[0])[1:]]
