"""Which channels matter, as unlabeled images show it."""

import numpy as np
import tensorflow as tf
from keras import layers
from keras import tree

from tfdcu.pruning.silence import run_nodes
from tfdcu.pruning.silence import with_scaled_weights


def batches(images, size=32, limit=None):
    """Batches of unlabeled images, float32.

    Args:
        images: An array (or a list of arrays, one a model input), or an
            iterable of batches; a pair (images, labels) loses its labels.
        size: Images a batch, for arrays.
        limit: Most images, all by default.

    Yields:
        Arrays (or lists of arrays) of shape (batch, ...).
    """
    seen = 0
    for batch in _iterate(images, size):
        count = len(tree.flatten(batch)[0])
        if limit is not None and seen + count > limit:
            batch = tree.map_structure(lambda x: x[: limit - seen], batch)
        yield batch
        seen += count
        if limit is not None and seen >= limit:
            return


def _iterate(images, size):
    if hasattr(images, "shape"):
        for start in range(0, len(images), size):
            yield np.asarray(images[start : start + size], "float32")
    elif isinstance(images, list) and all(hasattr(x, "shape") for x in images):
        for start in range(0, len(images[0]), size):
            yield [np.asarray(x[start : start + size]) for x in images]
    else:
        for batch in images:
            yield batch[0] if isinstance(batch, tuple) else batch


def taylor(groups, chosen, images, seed, limit=512):
    """First-order Taylor importance against the model's own outputs.

    With a gate g on every unit, the divergence KL(p(g=1) || p(g)) has no
    gradient at g = 1: its first term is half the Fisher information,
    F = E_x E_{y~p(x)} [(d log p_y(x) / d g)^2], summed over images. Squared
    first-order terms are those of Molchanov et al. 2019 (arXiv:1906.10771,
    eq. 8), the Fisher form of Theis et al. 2018; labels drawn from the
    model's own outputs, which make it label-free, are ours for this use.

    Args:
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`.
        images: Unlabeled images.
        seed: Seed of the labels that are drawn.
        limit: Most images, default 512.

    Returns:
        A function (model, group) -> scores.
    """
    generator = np.random.default_rng(seed)
    total, seen = np.zeros(groups.num_units), 0
    gated = _Gated(groups)
    for batch in batches(images, 16, limit):
        count = len(tree.flatten(batch)[0])
        seen += count
        # One row of gates an image: gradients of single images are squared.
        gates = tf.ones((count, groups.num_units))
        with tf.GradientTape() as tape:
            tape.watch(gates)
            outputs = gated(batch, gates)
            loss = 0.0
            for output in outputs:
                scores = tf.reshape(output, (count, -1, output.shape[-1]))
                logs = _log_probabilities(tf.cast(scores, "float32"))
                drawn = _draw(logs.numpy(), generator)
                loss += tf.reduce_sum(tf.gather(logs, drawn, batch_dims=2))
        slopes = tape.gradient(loss, gates)
        total += np.square(np.asarray(slopes, "float64")).sum(0)
    scores = total / max(seen, 1)
    return lambda model, group: scores[group.units]


def _log_probabilities(scores):
    """Of logits or, where a softmax ends the model, of probabilities."""
    total = tf.reduce_sum(scores, -1)
    if tf.reduce_min(scores) >= 0 and tf.reduce_all(tf.abs(total - 1) < 1e-3):
        return tf.math.log(tf.maximum(scores, 1e-7))
    return tf.nn.log_softmax(scores)


def _draw(logits, generator):
    """One class for each row, by the softmax of the logits."""
    noise = generator.gumbel(size=logits.shape)
    return (logits + noise).argmax(-1)


class _Gated:
    """The model with a factor on each unit where the unit is consumed."""

    def __init__(self, groups):
        self.groups = groups
        self.consumed = _consumed(groups)

    def __call__(self, inputs, gates):
        node_of = {}
        unit = self.groups.unit

        def before(tensor, value):
            for axis in self.consumed.get((node_of["now"], id(tensor)), ()):
                labels = self.groups.trace.axes[id(tensor)][axis]
                factor = tf.gather(gates, unit[labels], axis=1)
                view = [1] * len(value.shape)
                view[0], view[axis] = -1, len(labels)
                value = value * tf.cast(tf.reshape(factor, view), value.dtype)
            return value

        def call(node, args, kwargs):
            return self._call(node, args, kwargs, gates)

        return run_nodes(
            _Watched(self.groups.trace.graph, node_of), inputs, call, before
        )

    def _call(self, node, args, kwargs, gates):
        sides = _gated_sides(self.groups, node.op)
        if not sides:
            return tree.flatten(node.op(*args, **kwargs))
        # Inside a layer one gate serves the whole batch.
        mean = tf.reduce_mean(gates, 0)
        unit = self.groups.unit
        scales = [(s, tf.gather(mean, unit[s.labels])) for s in sides]
        return with_scaled_weights(node.op, scales, args, kwargs)


class _Watched:
    """A graph that notes which node is being run."""

    def __init__(self, graph, node_of):
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self._graph, self._node_of = graph, node_of

    @property
    def nodes(self):
        for node in self._graph.nodes:
            self._node_of["now"] = id(node)
            yield node


def _consumed(groups):
    """Axes of inputs whose labels do not come out again, by node and tensor."""
    axes, found = groups.trace.axes, {}
    for node in groups.trace.graph.nodes:
        made = [
            groups.unit[labels]
            for tensor in node.outputs
            for labels in axes.get(id(tensor), ())
            if labels is not None
        ]
        made = np.unique(np.concatenate(made)) if made else np.zeros(0, int)
        for tensor in node.inputs:
            for axis, labels in enumerate(axes[id(tensor)]):
                if labels is None or axis == 0:
                    continue
                if not np.isin(groups.unit[labels], made).any():
                    known = found.setdefault((id(node), id(tensor)), [])
                    if axis not in known:
                        known.append(axis)
    return found


def _gated_sides(groups, op):
    """For each inner label array, the last kernel with it and its bias."""
    sides = [
        side
        for side in groups.trace.sides.values()
        if side.op is op and side.role == "inner"
    ]
    chosen = []
    for labels in {id(side.labels): side.labels for side in sides}.values():
        mine = [side for side in sides if side.labels is labels]
        last = max(i for i, s in enumerate(mine) if len(s.variable.shape) > 2)
        chosen += mine[last:]
    return chosen


def reconstruction(groups, chosen, images, seed, limit=256, samples=2048):
    """Least damage to what the next layers receive (ThiNet-like).

    Each consumer's output is a sum over input channels. Samples of single
    outputs, split into the parts x_c that the channels contribute, give the
    matrix of E[x_c x_d]; the squared error of removing a set is the sum of
    its entries. Channels are removed one by one, always the one that adds
    least to the error (Luo et al. 2017, ThiNet, arXiv:1707.06342, eq. 6); the
    score of a channel is the error when it goes, over the mean square of the
    whole output, summed over consumers. Doing so for whole groups, and the
    relative error that makes groups comparable, are ours.

    Args:
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`.
        images: Unlabeled images.
        seed: Seed of the samples.
        limit: Most images, default 256.
        samples: Sampled outputs a consumer, default 2048.

    Returns:
        A function (model, group) -> scores.
    """
    generator = np.random.default_rng(seed)
    parts = {}
    consumers = {
        id(node): node
        for node in groups.trace.graph.nodes
        if isinstance(node.op, _CONSUMERS)
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
        return tree.flatten(node.op(*args, **kwargs))

    for batch in batches(images, 32, limit):
        run_nodes(groups.trace.graph, batch, call, lambda tensor, value: value)
    place = {id(group): group for group in chosen}
    scores = {}
    for key, group in place.items():
        scores[key] = _greedy(groups, group, parts.values())
    return lambda model, group: scores[id(group)]


_CONSUMERS = layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense


def _first(op):
    return getattr(op, "data_format", None) == "channels_first"


def _contributions(op, x, count, generator):
    """Sampled outputs before the bias, by input channel: (count, channels)."""
    x = np.asarray(x, "float32")
    kernel = np.asarray(op.kernel, "float32")
    if isinstance(op, layers.Dense):
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
    """Scores from the order of least reconstruction error."""
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


BY_IMAGES = {"taylor": taylor, "reconstruction": reconstruction}
