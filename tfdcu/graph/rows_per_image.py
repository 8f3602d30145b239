"""How many rows of a batch belong to one image.

Windows, heads or frames are sometimes made part of the batch: a tensor
(batch, 16, channels) becomes (4 * batch, 4, channels), whose first axis has an
unknown size all the same.
"""

from math import prod

from tfdcu.graph.keras_private import is_of_keras_ops


def rows_per_image(op, inputs, outputs):
    """Rows of the outputs' first axis that belong to one image.

    Args:
        op: The layer or operation.
        inputs: List of `Tensor`s that it receives.
        outputs: List of `Tensor`s that it returns.

    Returns:
        An int, at least 1; that of the inputs unless the operation reshapes,
        repeats, joins or splits the first axis.
    """
    batched = [t for t in inputs if None in (t.shape or ())]
    rows = max((t.rows for t in batched), default=1)
    if not is_of_keras_ops(type(op)):
        return rows
    kind, axis = type(op).__name__, getattr(op, "axis", None)
    if kind == "Reshape" and batched:
        before, after = batched[0].shape, outputs[0].shape
        # With more unknown sizes it is not known what is merged.
        if before.count(None) == after.count(None) == 1:
            return max(1, rows * _known(before) // _known(after))
    if kind == "Concatenate" and axis == 0:
        return sum(t.rows for t in batched)
    if kind == "Repeat" and axis == 0 and isinstance(op.repeats, int):
        return rows * op.repeats
    if kind == "Tile" and batched:
        repeats = tuple(op.repeats) if hasattr(op.repeats, "__len__") else ()
        if len(repeats) == len(batched[0].shape):
            return rows * repeats[0]
    if (
        kind == "Split"
        and axis == 0
        and isinstance(op.indices_or_sections, int)
    ):
        return max(1, rows // op.indices_or_sections)
    return rows


def _known(shape):
    return prod(size for size in shape if size is not None)
