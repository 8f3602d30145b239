"""Reconstruct pruned layers by least squares, layer by layer."""

import warnings

import numpy as np
import tensorflow as tf

from tfdcu.graph.graph import read_graph
from tfdcu.graph.images import images_for
from tfdcu.graph.kernels import kernel_of
from tfdcu.graph.kernels import num_unknowns
from tfdcu.graph.kernels import set_kernel
from tfdcu.graph.patches import draw_places
from tfdcu.pruning.activations import Activations
from tfdcu.pruning.least_squares import Sums
from tfdcu.pruning.least_squares import solve
from tfdcu.pruning.plan import ChannelPlan
from tfdcu.pruning.rows import rows_at
from tfdcu.pruning.solvable import find_solvable
from tfdcu.workdir.arguments import COUNT
from tfdcu.workdir.arguments import MODEL
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

_PLAN = "a ChannelPlan", lambda value: isinstance(value, ChannelPlan)
# A layer with fewer rows for each unknown of a filter is reported.
_FEWEST_ROWS = 8
# What a layer needs grows with the square of its unknowns: about nine Gram
# matrices and factors of them, of 512 MiB each at this number.
_MOST_UNKNOWNS = 8192
# Where activations do not fit into memory, every so many batches are enough.
_EVERY = 4
# Most bytes of the rows that are made at once; inside of that they take a few
# times as much.
_ROWS = 32 * 2**20


def reconstruct(student, plan, images, *, limit=1024, seed=0, tell=None):
    """Reconstructs a pruned model layer by layer with least squares.

    Goes through the model from input to output. The inputs of each
    convolution and dense layer are those that the student really has there,
    with the errors of the layers before; the outputs are the original's in
    the channels that stay, before any activation. Kernel and bias become the
    least-squares solution between the two, held toward the pruned kernel by
    the ridge that does best on a quarter of the images, left out for that.
    Nothing is trained and no label is needed. BatchNormalization keeps the
    original's statistics, except that the mean of one that alone follows a
    layer without bias and activation takes the constant of the solution.

    The images stream in batches: a layer needs sums of products of its inputs
    and outputs, from places of the feature maps drawn for each batch.
    Activations of all images are kept where they fit into 640 MiB. Before
    that, a quarter of the batches runs from the last layer where they did.

    Reference:
        He et al. 2017 (arXiv:1707.06168): least squares after pruned channels
        (eq. 5) and shortcuts (section 3.3). Zhang et al. 2016
        (arXiv:1505.06798, section 3.3): inputs with their errors. Solving
        every layer, the ridge, the sampling and the constant are our choices.

    Convolutions are solved, depthwise, grouped and transposed ones too, and
    dense layers; of a separable convolution only the pointwise kernel is.
    Other layers, quantized layers, layers with LoRA, layers called more than
    once and layers applied along an axis with pruned channels keep their
    weights. So does a layer with more than 8,192 unknowns a filter, such as a
    dense layer on flattened feature maps, which a warning names: what least
    squares holds grows with the square of them, to about 5 GiB at 8,192.

    Args:
        student: Result of `plan.apply()`; changed in place.
        plan: The `ChannelPlan`.
        images: Unlabeled images in any form that `fit` takes, read several
            times; labels are not read.
        limit: Maximum number of images. Default 1024.
        seed: Int, chooses the places in the feature maps.
        tell: Function that is called after each layer with the share of them
            that is solved. Default `None`.

    Returns:
        List of dicts, one per solved layer: `layer`, its path; `before` and
        `after`, the share of the outputs' variance that it misses; `ridge`,
        as a share of the mean square of its inputs; `rows`, how many it was
        solved from; `unknowns`, how many a filter has. Layers with fewer
        than 8 rows per unknown are counted in a warning.

    Raises:
        ValueError: If there are no images, or they do not fit the model.

    Example:

    >>> plan = plan_channels(teacher, macs=0.5, images=pool)
    >>> student = plan.apply()
    >>> found = reconstruct(student, plan, pool)
    """
    check_arguments(seed=seed)
    check("student", student, MODEL)
    check("plan", plan, _PLAN)
    check("limit", limit, COUNT)
    with naming("images"):
        images = images_for(plan.model, images, needed=True, limit=limit)
    graphs = read_graph(student), read_graph(plan.model)
    solvable, large = [], []
    for layer in find_solvable(*graphs):
        fits = num_unknowns(layer.node.op) <= _MOST_UNKNOWNS
        (solvable if fits else large).append(layer)
    stops = [layer.number for layer in solvable]
    activations = Activations(graphs, stops, images, limit)
    generator, keep = np.random.default_rng(seed), plan.keep
    found = []
    for number, layer in enumerate(solvable):
        # No name holds the sums of a layer while those of the next are made.
        found.append(
            _solve(layer, *_sums(layer, activations, number, keep, generator))
        )
        if tell is not None:
            tell((number + 1) / len(solvable))
    _warn_of_few_rows(found)
    _warn_of_large(large)
    return found


def wanted_rows(unknowns):
    """How many rows a layer is solved from, if the images have them."""
    return max(4096, min(64 * unknowns, 16384), 16 * unknowns)


def _sums(layer, activations, number, keep, generator):
    """`Sums` of rows that fit a kernel, and of rows that choose its ridge."""
    op, num_images = layer.node.op, activations.num_images
    shape = activations.shapes[number][id(layer.node.inputs[0])]
    sizes = op.compute_output_shape(shape)[1:-1]
    wanted, every = wanted_rows(num_unknowns(op)), 1
    if not activations.fit(number):
        rows = num_images * int(np.prod(sizes, dtype=int))
        every = int(np.clip(rows // wanted, 1, _EVERY))
    per_image = -(-wanted * every // num_images)
    fitted, held, seen = Sums(), Sums(), 0
    for own, original in activations.before(number, every):
        places = draw_places(sizes, per_image, generator)
        for part in _parts(layer, own, original, len(places)):
            inputs, outputs = rows_at(layer, *part, places, keep)
            # Every fourth image chooses the ridge, counted over all batches.
            images = inputs.shape[1] // len(places)
            chooses = np.arange(seen, seen + images) % 4 == 3
            chooses = np.repeat(chooses, len(places))
            seen += images
            for sums, mask in ((fitted, ~chooses), (held, chooses)):
                if mask.any():
                    rows = np.flatnonzero(mask)
                    sums.add(
                        tf.gather(inputs, rows, axis=1),
                        tf.gather(outputs, rows, axis=1),
                    )
    return fitted, held


def _parts(layer, own, original, places):
    """The values of a batch in parts, as many images as `_ROWS` allows."""
    groups, unknowns, filters = kernel_of(layer.node.op).shape
    size = max(1, _ROWS // (4 * places * groups * (unknowns + filters)))
    count = len(own[id(layer.node.inputs[0])])
    # Others, such as a weight of a custom layer, may have no axis of images.
    needed = (layer.node.inputs[0], layer.origin.inputs[0])
    needed = {id(tensor) for tensor in needed + (layer.shortcut or ())}
    for start in range(0, count, size):
        part = slice(start, start + size)
        yield [
            {key: values[key][part] for key in needed & values.keys()}
            for values in (own, original)
        ]


def _solve(layer, fitted, held):
    """Gives a layer the kernel that fits; returns its row of the result."""
    op, norm = layer.node.op, layer.norm
    solved = solve(fitted, held, kernel_of(op), op.use_bias or norm is not None)
    set_kernel(op, solved["kernel"])
    shift = solved["shift"].ravel()
    if op.use_bias:
        op.bias.assign(shift)
    elif norm is not None:
        norm.moving_mean.assign(norm.moving_mean.numpy() - shift)
    return {
        "layer": layer.node.path,
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
            f"{len(few)} of {len(found)} layers were solved from fewer than "
            f"{_FEWEST_ROWS} rows per unknown of a filter, such as "
            f"{few[0]['layer']!r} with {few[0]['rows']} rows for "
            f"{few[0]['unknowns']} unknowns. More images make a better "
            "student.",
            stacklevel=3,
        )


def _warn_of_large(large):
    if large:
        listed = ", ".join(
            f"{layer.node.path!r} with {num_unknowns(layer.node.op):,}"
            for layer in large
        )
        warnings.warn(
            "Layers keep their kernels where a filter has more than "
            f"{_MOST_UNKNOWNS:,} unknowns: {listed}. Pooling before the layer "
            "in place of `Flatten` makes it smaller.",
            stacklevel=3,
        )
