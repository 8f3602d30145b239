"""Kernels solved anew, layer by layer, to make up for channels that went."""

import warnings

import numpy as np
import tensorflow as tf

from tfdcu.graph.graph import read_graph
from tfdcu.pruning.activations import Activations
from tfdcu.pruning.kernels import kernel_of
from tfdcu.pruning.kernels import num_unknowns
from tfdcu.pruning.kernels import outputs_at
from tfdcu.pruning.kernels import set_kernel
from tfdcu.pruning.least_squares import Sums
from tfdcu.pruning.least_squares import solve
from tfdcu.pruning.patches import draw_places
from tfdcu.pruning.patches import patches_at
from tfdcu.pruning.patches import values_at
from tfdcu.pruning.solvable import find_solvable

# Rows that a layer is solved from: at least so many, and so many for each
# unknown of a filter, if the images have them.
ROWS = 4096, 64, 16384, 16
_FEWEST_ROWS = 8
# Where activations do not fit, every so many batches are enough.
_EVERY = 4


def reconstruct(student, plan, images, *, limit=1024, seed=0):
    """Solves each kernel of a pruned model for what the original computes.

    Goes through the model from input to output. At each convolution and dense
    layer it takes what the student really has there as input, errors of the
    layers before included, and what the original gives out in the channels
    that stay, before any activation; kernel and bias become the least-squares
    solution between the two. Nothing is trained and no label is needed: two
    passes over the images, and a small linear system a layer.
    BatchNormalization keeps the original's statistics, which are those of the
    images that the original was trained on; where a convolution has no bias,
    the shift that the solution asks for goes into the mean of the
    BatchNormalization that alone follows it.

    Least squares for the layer after pruned channels is He et al. 2017
    (arXiv:1707.06168, eq. 5), inputs with their errors Zhang et al. 2016
    (arXiv:1505.06798, section 3.3). Doing so at every layer, the ridge toward
    the pruned kernel, the sampling and the shift are ours.

    Depthwise and grouped convolutions, quantized layers, those with LoRA and
    of other kinds, layers that are called more than once and those that are
    applied along an axis with pruned channels keep their weights.

    Args:
        student: What `plan.apply()` gave; changed in place.
        plan: The `ChannelPlan` that it was made by.
        images: Unlabeled images, an array or a dataset of batches.
        limit: Most images; fewer where their activations at one layer would
            take more than 256 MiB. Default 1024.
        ridge: How strongly a kernel is held where the images say little: a
            share of the mean square of the layer's inputs, above 0. Default
            0.01.
        seed: Int, chooses the places in the feature maps.

    Returns:
        List of dicts, one a solved layer: `layer`, and `before` and `after`,
        the share of its outputs' variance that it misses.

    Raises:
        ValueError: If there are no images, or `ridge` is not above 0.

    Example:

    >>> plan = plan_channels(teacher, macs=0.5, images=pool)
    >>> student = plan.apply()
    >>> found = reconstruct(student, plan, pool)
    """
    graphs = read_graph(student), read_graph(plan.model)
    systems = find_solvable(*graphs)
    stops = [system.number for system in systems]
    activations = Activations(graphs, stops, images, limit)
    generator = np.random.default_rng(seed)
    found = []
    for number, system in enumerate(systems):
        fitted, held = _sums(system, activations, number, plan.keep, generator)
        found.append(_solve(system, fitted, held))
    _warn_of_few_rows(found)
    return found


def _sums(system, activations, number, keep, generator):
    """The sums of a layer's rows, and those that choose its ridge."""
    op = system.node.op
    shape = activations.shapes[number][id(system.node.inputs[0])]
    sizes = op.compute_output_shape(shape)[1:-1]
    total = int(np.prod(sizes, dtype=int))
    num = activations.num_images
    unknowns = num_unknowns(op)
    wanted = max(ROWS[0], min(ROWS[1] * unknowns, ROWS[2]), ROWS[3] * unknowns)
    every = 1
    if not activations.fit(number):
        every = int(np.clip(num * total // wanted, 1, _EVERY))
    fitted, held = Sums(), Sums()
    for own, original in activations.before(number, every):
        places = draw_places(sizes, -(-wanted * every // num), generator)
        rows = patches_at(op, own[id(system.node.inputs[0])], places)
        goal = _goal(system, own, original, places, keep)
        # The last quarter of the images chooses the ridge.
        images = rows.shape[1] // len(places)
        part = (images - images // 4) * len(places)
        fitted.add(rows[:, :part], goal[:, :part])
        if part < rows.shape[1]:
            held.add(rows[:, part:], goal[:, part:])
    return fitted, held


def _goal(system, own, original, places, keep):
    """What a layer is to give: float32 (groups, rows, filters)."""
    op, origin = system.node.op, system.origin
    stays = keep.get(origin.path, slice(None))
    goal = outputs_at(origin.op, original[id(origin.inputs[0])], places)
    if not isinstance(stays, slice):
        goal = tf.gather(goal, stays, axis=1)
    if system.shortcut is not None and SHORTCUT:
        mine, theirs = (
            values_at(values[id(tensor)], places)
            for values, tensor in zip((own, original), system.shortcut)
        )
        if not isinstance(stays, slice):
            theirs = tf.gather(theirs, stays, axis=1)
        goal += (theirs - mine) / _scale(system.norm)
    groups, _, filters = kernel_of(op).shape
    return tf.transpose(tf.reshape(goal, (-1, groups, filters)), (1, 0, 2))


SHORTCUT = True


def _scale(norm):
    """What a normalization multiplies channels by, never nearly 0."""
    if norm is None:
        return np.float32(1)
    scale = 1 / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * norm.gamma.numpy()
    least = 1e-3 * np.abs(scale).max() + 1e-30
    return np.where(np.abs(scale) < least, np.inf, scale).astype("float32")


def _solve(system, fitted, held):
    """Gives a layer the kernel that fits; what there is to tell of it."""
    op, norm = system.node.op, system.norm
    solved = solve(fitted, held, kernel_of(op), op.use_bias or norm is not None)
    set_kernel(op, solved["kernel"])
    shift = solved["shift"].ravel()
    if op.use_bias:
        op.bias.assign(shift)
    elif norm is not None:
        norm.moving_mean.assign(norm.moving_mean.numpy() - shift)
    return {
        "layer": system.node.path,
        "before": solved["before"],
        "after": solved["after"],
        "ridge": solved["ridge"],
        "rows": fitted.count + held.count,
        "unknowns": num_unknowns(op),
    }


def _warn_of_few_rows(found):
    few = [row for row in found if row["rows"] < _FEWEST_ROWS * row["unknowns"]]
    if few:
        warnings.warn(
            f"{len(few)} of {len(found)} layers were solved from less than "
            f"{_FEWEST_ROWS} rows for each unknown of a filter, such as "
            f"{few[0]['layer']!r} with {few[0]['rows']} rows for "
            f"{few[0]['unknowns']}. More images make a better student.",
            stacklevel=3,
        )
