"""Importance by the error that the consuming layers see (ThiNet-like)."""

import numpy as np
from keras import layers
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import infer_node


def reconstruction(groups, chosen, images, seed, limit=256, samples=2048):
    """Reconstruction error of the consuming layers' outputs (ThiNet-like).

    Each consumer's output is a sum of contributions x_c of its input
    channels. Sampled outputs give the matrix of E[x_c x_d]; the squared error
    of removing a set of channels is the sum of its entries. Channels are
    removed one by one, always the one that adds least to the error (Luo et
    al. 2017, ThiNet, arXiv:1707.06342, eq. 6), here for a whole group at
    once. The score of a channel is the error after its removal, divided by
    the mean square of the output, which makes groups comparable, and summed
    over consumers.

    Args:
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`.
        images: Unlabeled images.
        seed: Seed of the samples.
        limit: Maximum number of images. Default 256.
        samples: Sampled outputs per consumer. Default 2048.

    Returns:
        A function (model, group) -> scores.
    """
    generator = np.random.default_rng(seed)
    parts = {}
    consumers = {
        id(node): node
        for node in groups.trace.graph.nodes
        if isinstance(node.op, (*_CONSUMERS, *_RECURRENT))
        and getattr(node.op, "groups", 1) == 1
    }
    sizes = [len(tree.flatten(b)[0]) for b in batches(images, 32, limit)]
    share = max(1, samples // max(1, len(sizes)))

    def call(node, args, kwargs):
        if id(node) in consumers:
            labels = groups.trace.axes[id(node.inputs[0])]
            axis = 1 if _first(node.op) else -1
            if labels[axis] is not None:
                drawn = _contributions(node.op, args[0], share, generator)
                parts.setdefault(id(node), (labels[axis], []))[1].append(drawn)
        return infer_node(node, args, kwargs)

    for batch in batches(images, 32, limit):
        execute(groups.trace.graph, batch, call)
    place = {id(group): group for group in chosen}
    scores = {}
    for key, group in place.items():
        scores[key] = _greedy(groups, group, parts.values())
    return lambda model, group: scores[id(group)]


_CONSUMERS = layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense
# They multiply each step with the kernel of their cell, as a dense layer.
_RECURRENT = layers.LSTM, layers.GRU, layers.SimpleRNN


def _first(op):
    return getattr(op, "data_format", None) == "channels_first"


def _contributions(op, x, count, generator):
    """Contributions to sampled outputs, of shape (count, input channels)."""
    x = np.asarray(x, "float32")
    by_step = isinstance(op, _RECURRENT)
    kernel = np.asarray((op.cell if by_step else op).kernel, "float32")
    if by_step or isinstance(op, layers.Dense):
        rows = x.reshape(-1, x.shape[-1])
        rows = rows[generator.integers(len(rows), size=count)]
        columns = generator.integers(kernel.shape[1], size=count)
        return rows * kernel[:, columns].T
    if _first(op):
        x = np.moveaxis(x, 1, -1)
    rank = kernel.ndim - 2
    reach = [(k - 1) * d for k, d in zip(kernel.shape, op.dilation_rate)]
    if op.padding != "valid":
        pads = [(r // 2, r - r // 2) for r in reach]
        x = np.pad(x, [(0, 0), *pads, (0, 0)])
    out = [max(1, size - r) for size, r in zip(x.shape[1:-1], reach)]
    corners = [generator.integers(size, size=count) for size in out]
    image = generator.integers(len(x), size=count)
    column = generator.integers(kernel.shape[-1], size=count)
    total = np.zeros((count, x.shape[-1]), "float32")
    for tap in np.ndindex(*kernel.shape[:rank]):
        steps = zip(corners, tap, op.dilation_rate)
        index = tuple(corner + t * d for corner, t, d in steps)
        total += x[(image, *index)] * kernel[tap][:, column].T
    return total


def _greedy(groups, group, parts):
    """Scores of a group by greedy removal, least error first."""
    matrix = np.zeros((group.size, group.size))
    local = np.full(groups.num_units, -1)
    local[group.units] = np.arange(group.size)
    for labels, drawn in parts:
        places = local[groups.unit[labels]]
        inside = np.flatnonzero(places >= 0)
        if not len(inside):
            continue
        drawn = np.concatenate(drawn)
        scale = max(float((drawn.sum(1) ** 2).mean()), 1e-12)
        spread = np.zeros((len(drawn), group.size))
        np.add.at(spread.T, places[inside], drawn.T[inside])
        matrix += spread.T @ spread / len(drawn) / scale
    scores = np.zeros(group.size)
    left = np.ones(group.size, bool)
    cross, error = np.zeros(group.size), 0.0
    for _ in range(group.size):
        added = np.where(left, matrix.diagonal() + 2 * cross, np.inf)
        best = int(np.argmin(added))
        error = max(error, error + added[best])
        scores[best] = error
        left[best] = False
        cross += matrix[best]
    return scores
