"""Products of sizes that count multiply-accumulates."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tfdcu.graph import Tensor


@dataclass(frozen=True)
class Term:
    """A product that counts multiply-accumulates.

    Attributes:
        times: How often the product below is done for one image.
        sides: Pairs (weight or `Tensor`, axis) whose sizes are multiplied.
    """

    times: float
    sides: tuple

    def count(self):
        """The number of multiply-accumulates, `None` sizes read as one."""
        sizes = (holder.shape[axis] or 1 for holder, axis in self.sides)
        return self.times * prod(sizes)


def size_of(shape):
    """Product of sizes, unknown ones read as one."""
    return prod(size or 1 for size in shape or ())


def whole(weight, times):
    """A weight of which every element is used `times` times."""
    sides = tuple((weight, axis) for axis in range(len(weight.shape)))
    return Term(times, sides)


def einsum_terms(equation, shapes, weights=()):
    """Multiply-accumulates of a product written as an einsum equation.

    Args:
        equation: Like "abc,cd->abd"; "..." stands for one letter an axis.
        shapes: Shape of each operand; the batch counts as one.
        weights: The operands themselves, for those that are weights or
            tensors whose sizes may change; `None` for the others.

    Returns:
        A list of one `Term`.
    """
    sides, times, seen = [], 1, set()
    operands = equation.replace(" ", "").split("->")[0].split(",")
    pairs = list(zip(operands, shapes, weights))
    # Axes of weights first: theirs are the sizes that pruning changes.
    pairs.sort(key=lambda pair: isinstance(pair[2], Tensor))
    for letters, shape, weight in pairs:
        if "..." in letters:
            missing = len(shape) - len(letters) + 3
            dots = "ABCDEFGHIJKL"[12 - missing :]
            letters = letters.replace("...", dots)
        for axis, letter in enumerate(letters):
            if letter in seen:
                continue
            seen.add(letter)
            if weight is None or not shape[axis]:
                times *= shape[axis] or 1
            else:
                sides.append((weight, axis))
    return [Term(times, tuple(sides))]


def einsum(node):
    """The terms of `keras.ops.einsum`."""
    tensors = node.inputs
    shapes = [t.shape for t in tensors]
    return einsum_terms(node.op.subscripts, shapes, tensors)


def matmul(node):
    """The terms of `keras.ops.matmul` and `dot`, constants included."""
    first, second = (list(node.args) + [None, None])[:2]
    if not hasattr(first, "shape") or not hasattr(second, "shape"):
        return []
    if not isinstance(first, Tensor):
        return [Term(size_of(node.outputs[0].shape[:-2]) * np.size(first), ())]
    shape = node.outputs[0].shape if node.outputs else ()
    times = size_of(shape[:-1]) if len(second.shape) > 1 else size_of(shape)
    side = ((first, len(first.shape) - 1),)
    if not isinstance(second, Tensor):
        last = second.shape[-1] if len(second.shape) > 1 else 1
        return [Term(times * last, side)]
    if len(second.shape) == 1:
        return [Term(times, side)]
    times = size_of(shape[:-2])
    rows = ((first, len(first.shape) - 2),) if len(first.shape) > 1 else ()
    return [Term(times, rows + side + ((second, len(second.shape) - 1),))]


def dot(node):
    """The terms of the layer `Dot`, over one axis of each input."""
    first, second = node.inputs
    axes = node.op.axes
    axes = (axes, axes) if isinstance(axes, int) else axes
    rank = len(first.shape)
    kept = [a for a in range(1, rank)]
    other = axes[1] % len(second.shape)
    rest = [a for a in range(1, len(second.shape)) if a != other]
    sides = [(first, axis) for axis in kept] + [(second, a) for a in rest]
    return [Term(1, tuple(sides))]
