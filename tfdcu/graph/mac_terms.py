"""`MacTerm`: multiply-accumulates as a product of axis sizes."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tfdcu.graph.graph import Tensor


@dataclass(frozen=True)
class MacTerm:
    """Multiply-accumulates as a product of axis sizes.

    Attributes:
        times: Constant factor, for one image.
        sides: Pairs (weight, `Tensor` or constant; axis) whose sizes are
            multiplied.
    """

    times: float
    sides: tuple

    def count(self):
        """Number of multiply-accumulates; `None` sizes count as one."""
        sizes = (holder.shape[axis] or 1 for holder, axis in self.sides)
        return self.times * prod(sizes)


def num_elements(shape):
    """Product of sizes; `None` counts as one."""
    return prod(size or 1 for size in shape or ())


def positions(tensor, data_format):
    """Number of positions of an image or a sequence, without channels."""
    shape = tensor.shape or (None, None)
    first = data_format == "channels_first"
    return num_elements(shape[2:] if first else shape[1:-1])


def all_of(weight, times):
    """The `MacTerm` of a weight whose elements are each used `times` times."""
    sides = tuple((weight, axis) for axis in range(len(weight.shape)))
    return MacTerm(times, sides)


def einsum_terms(equation, operands):
    """Multiply-accumulates of an einsum equation.

    Args:
        equation: Like "abc,cd->abd"; "..." stands for one letter per axis.
        operands: List of weights, `Tensor`s or constants, one per operand.

    Returns:
        A list of one `MacTerm`.
    """
    sides, seen = [], set()
    letters = equation.replace(" ", "").split("->")[0].split(",")
    pairs = list(zip(letters, operands))
    # Axes of weights first: pruning changes their sizes.
    pairs.sort(key=lambda pair: isinstance(pair[1], Tensor))
    for letters, operand in pairs:
        shape = operand.shape
        if "..." in letters:
            missing = len(shape) - len(letters) + 3
            dots = "ABCDEFGHIJKL"[12 - missing :]
            letters = letters.replace("...", dots)
        for axis, letter in enumerate(letters):
            if shape[axis] and letter not in seen:
                seen.add(letter)
                sides.append((operand, axis))
    return [MacTerm(1, tuple(sides))]


def einsum(node):
    """The terms of `keras.ops.einsum`, constants included."""
    operands = [value for value in node.args if hasattr(value, "shape")]
    return einsum_terms(node.op.subscripts, operands)


def matmul(node):
    """The terms of `keras.ops.matmul` and `dot`, constants included."""
    first, second = node.args[:2]
    if not np.shape(first) or not np.shape(second):
        # Multiplying by a scalar is not counted.
        return []
    if isinstance(first, Tensor):
        return _sums(node, [(first, len(first.shape) - 1)])
    return _sums(node, [(second, max(0, len(second.shape) - 2))])


def tensordot(node):
    """The terms of `keras.ops.tensordot`, constants included."""
    first, axes = node.args[0], node.op.axes
    rank = len(first.shape)
    axes = range(rank - axes, rank) if isinstance(axes, int) else axes[0]
    return _sums(node, [(first, axis) for axis in axes])


def convolution(node):
    """The terms of `keras.ops.conv` and its variants, constants included."""
    images, *kernels = node.args
    transposed = type(node.op).__name__ == "ConvTranspose"
    places = images if transposed else node.outputs[0]
    times = positions(places, node.op.data_format)
    return [all_of(kernel, times) for kernel in kernels]


def attention(node):
    """The terms of `keras.ops.dot_product_attention`, two for each head."""
    query, key = node.args[:2]
    shape = [(query, axis) for axis in range(1, len(query.shape))]
    return 2 * [MacTerm(1, ((key, 1), *shape))]


def _sums(node, sides):
    """The term of a sum over these axes, for each output element."""
    output = node.outputs[0]
    outputs = [(output, axis) for axis in range(len(output.shape))]
    return [MacTerm(1, tuple(outputs + sides))]


def dot(node):
    """The terms of the layer `Dot`, over one axis of each input."""
    first, second = node.inputs
    axes = node.op.axes
    axes = (axes, axes) if isinstance(axes, int) else axes
    rank = len(first.shape)
    free = [a for a in range(1, rank)]
    other = axes[1] % len(second.shape)
    other_free = [a for a in range(1, len(second.shape)) if a != other]
    sides = [(first, axis) for axis in free] + [(second, a) for a in other_free]
    return [MacTerm(1, tuple(sides))]
