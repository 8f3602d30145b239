"""Pruning rules for products of two tensors."""

import numpy as np
from keras import layers

from tfdcu.pruning.rules.broadcast import meet
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable


@register_rule(layers.Dot)
def dot(step):
    """Ties the axes that are summed over, one of each input."""
    first, second = step.axes(step.inputs[0]), step.axes(step.inputs[1])
    axes = step.op.axes
    left, right = (axes, axes) if isinstance(axes, int) else axes
    left, right = left % len(first), right % len(second)
    if left == 0 or right == 0:
        fix_axes(step, first, range(len(first)))
        fix_axes(step, second, range(len(second)))
        return [[None] * len(t.shape) for t in step.node.outputs]
    step.tie(first.pop(left), second.pop(right))
    result = first + second[1:]
    return result if len(result) > 1 else result + [None]


@register_rule("ops.Matmul")
def matmul(step):
    """Ties the last axis of one input and the second to last of the other."""
    first, second = step.node.args[:2]
    left, right = step.axes(first), step.axes(second)
    if len(left) < 2 or len(right) < 2:
        return unprunable(step)
    step.tie(left[-1], right[-2])
    shapes = np.shape(first)[:-2], np.shape(second)[:-2]
    return meet(step, [left[:-2], right[:-2]], shapes) + [left[-2], right[-1]]


@register_rule("ops.Einsum")
def einsum(step):
    """Each letter has its labels; a masked channel adds 0 to a sum."""
    equation = step.op.subscripts.replace(" ", "")
    if "..." in equation or "->" not in equation:
        return unprunable(step)
    left, output_letters = equation.split("->")
    values = [v for v in step.node.args if hasattr(v, "shape")]
    labels = {}
    for letters, value in zip(left.split(","), values):
        if len(set(letters)) != len(letters):
            return unprunable(step)
        for letter, axis in zip(letters, step.axes(value)):
            if letter in labels:
                step.tie(labels[letter], axis)
            if labels.get(letter) is None:
                labels[letter] = axis
    return [labels[letter] for letter in output_letters]
