"""Labels of elementwise operations with NumPy broadcasting."""

import numpy as np
from keras import tree

from tfdcu.graph.graph import Tensor


def broadcast(step, values):
    """Labels of an elementwise function of several tensors or constants.

    Constants lose the same positions as the tensors.
    """
    tensors = [value for value in values if isinstance(value, Tensor)]
    constants = [value for value in values if not isinstance(value, Tensor)]
    shapes = [tensor.shape for tensor in tensors]
    axes = meet(step, [step.axes(tensor) for tensor in tensors], shapes)
    for number, value in enumerate(constants):
        missing = max(0, np.ndim(value) - len(axes))
        axes = [None] * missing + axes
        for axis, size in enumerate(np.shape(value)[::-1], start=1):
            if size > 1 and axes[-axis] is not None:
                if len(axes[-axis]) == size:
                    key = f"constant {number} {-axis}"
                    _slice_constant(step, key, value, -axis, axes[-axis])
                else:
                    step.fix(axes[-axis])
                    axes[-axis] = None
    return axes


def meet(step, all_axes, shapes):
    """Labels after broadcasting shapes against one another."""
    rank = max(len(shape) for shape in shapes)
    shapes = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    all_axes = [[None] * (rank - len(a)) + list(a) for a in all_axes]
    result = []
    for column, sizes in zip(zip(*all_axes), zip(*shapes)):
        wide = [x for x, size in zip(column, sizes) if size != 1]
        if wide:
            # A single channel is broadcast to all others: keep it.
            for labels, size in zip(column, sizes):
                if size == 1:
                    step.fix(labels)
        wide = wide or list(column)
        for labels in wide[1:]:
            step.tie(wide[0], labels)
        result.append(wide[0])
    return result


def _slice_constant(step, key, value, axis, labels):
    """Slices a constant argument to the kept positions."""

    def change(args, kwargs, keep):
        def cut(item):
            return np.take(item, keep(labels), axis) if item is value else item

        return tree.map_structure(cut, (args, kwargs))

    step.edit_call(key, [labels], change)
