"""Rules of products of two tensors, which sum over an axis of each."""

import numpy as np
from keras import layers

from tfdcu.pruning.rules.broadcast import meet
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable


@register_rule(layers.Dot)
def dot(step):
    """Sums over one axis of each input, which are removed alike."""
    first, second = step.axes(step.inputs[0]), step.axes(step.inputs[1])
    axes = step.op.axes
    left, right = (axes, axes) if isinstance(axes, int) else axes
    left, right = left % len(first), right % len(second)
    if left == 0 or right == 0:
        fix_axes(step, first, range(len(first)))
        fix_axes(step, second, range(len(second)))
        return [[None] * len(t.shape) for t in step.node.outputs]
    step.tie(first.pop(left), second.pop(right))
    kept = first + second[1:]
    return kept if len(kept) > 1 else kept + [None]


@register_rule("ops.Matmul")
def matmul(step):
    """Sums over the last axis of one and the last but one of the other."""
    first, second = step.node.args[:2]
    left, right = step.axes(first), step.axes(second)
    if len(left) < 2 or len(right) < 2:
        return unprunable(step)
    step.tie(left[-1], right[-2])
    shapes = np.shape(first)[:-2], np.shape(second)[:-2]
    return meet(step, [left[:-2], right[:-2]], shapes) + [left[-2], right[-1]]


@register_rule("ops.Einsum")
def einsum(step):
    """Letters carry the labels; summed ones may go, a silent one adds 0."""
    equation = step.op.subscripts.replace(" ", "")
    if "..." in equation or "->" not in equation:
        return unprunable(step)
    left, made = equation.split("->")
    values = [v for v in step.node.args if hasattr(v, "shape")]
    labels = {}
    for letters, value in zip(left.split(","), values):
        if len(set(letters)) != len(letters):
            return unprunable(step)
        for letter, one in zip(letters, step.axes(value)):
            if letter in labels:
                step.tie(labels[letter], one)
            if labels.get(letter) is None:
                labels[letter] = one
    return [labels[letter] for letter in made]
