"""First-order Taylor (Fisher) importance."""

import numpy as np
import tensorflow as tf
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import infer_node
from tfdcu.graph.execute import with_scaled_weights
from tfdcu.graph.heads import head_kinds
from tfdcu.graph.inference import images_with_gradients
from tfdcu.pruning.trace import INSIDE

# Images whose gradients are taken at once, where memory allows.
_MOST_IMAGES = 16


def taylor(groups, chosen, images, seed, limit=512):
    """First-order Taylor importance against the model's own outputs.

    With a gate g on every unit, the divergence KL(p(g=1) || p(g)) has no
    gradient at g = 1: its first term is half the Fisher information,
    F = E_x E_{y~p(x)} [(d log p_y(x) / d g)^2], averaged over images. Squared
    first-order terms are those of Molchanov et al. 2019 (arXiv:1906.10771,
    eq. 8), the Fisher form that of Theis et al. 2018. Labels are drawn from
    the model's own outputs, so none are needed. A single logit, and each of
    several labels, counts as two classes; values of a regression are drawn
    from a Gaussian of variance one. What an output is, `head_kinds` says.

    Args:
        groups: The `Groups` of the model.
        chosen: List of `ChannelGroup`.
        images: Unlabeled images.
        seed: Seed of the sampled labels.
        limit: Maximum number of images. Default 512.

    Returns:
        A function (model, group) -> scores.
    """
    total, seen = np.zeros(groups.num_units), 0
    gated = _Gated(groups)
    graph = groups.trace.graph
    kinds, sigmoids = head_kinds(graph.model), _ends_in_sigmoid(graph)

    @tf.function(autograph=False, reduce_retracing=True)
    def squares(batch, draw):
        # One row of gates per image, so that per-image gradients are squared.
        count = tf.shape(tree.flatten(batch)[0])[0]
        gates = tf.ones((count, groups.num_units))
        with tf.GradientTape() as tape:
            tape.watch(gates)
            outputs = gated(batch, gates)
            loss = 0.0
            for number, one in enumerate(zip(outputs, kinds, sigmoids)):
                loss += _log_likelihood(*one, (draw, number))
        return tf.reduce_sum(tf.square(tape.gradient(loss, gates)), 0)

    for batch in _parts(graph, batches(images, _MOST_IMAGES, limit)):
        batch = tree.map_structure(tf.convert_to_tensor, batch)
        total += squares(batch, tf.constant(seed + seen)).numpy()
        seen += len(tree.flatten(batch)[0])
    scores = total / max(seen, 1)
    return lambda model, group: scores[group.units]


def _parts(graph, given):
    """Batches in parts whose gradients fit into memory."""
    for batch in given:
        shape = tree.flatten(batch)[0].shape[1:]
        yield from batches(iter([batch]), images_with_gradients(graph, shape))


def _ends_in_sigmoid(graph):
    """Whether each output comes from a sigmoid, a list of bools."""
    made = {id(t): node.op for node in graph.nodes for t in node.outputs}
    names = []
    for op in (made.get(id(tensor)) for tensor in graph.outputs):
        activation = getattr(op, "activation", None)
        names.append({type(op).__name__, getattr(activation, "__name__", "")})
    return [bool(pair & {"Sigmoid", "sigmoid"}) for pair in names]


def _log_likelihood(output, kind, is_sigmoid, seed):
    """Sum of log p(y), up to a constant, of y drawn from an output."""
    if kind == "values":
        # The gradient of -(y - output)^2 / 2 is the noise in y.
        values = tf.cast(output, "float32")
        noise = tf.random.stateless_normal(tf.shape(values), seed)
        return tf.reduce_sum(noise * values)
    logs = _log_probabilities(output, kind, is_sigmoid)
    return tf.reduce_sum(tf.gather(logs, _draw(logs, seed), batch_dims=2))


def _log_probabilities(output, kind, is_sigmoid):
    """Log-probabilities of an output, of shape (batch, positions, classes).

    The last axis of the output holds logits, or probabilities if the model
    ends in a softmax.
    """
    scores = tf.cast(output, "float32")
    count = tf.shape(scores)[0]
    if is_sigmoid:
        scores = tf.reshape(scores, (count, -1, 1))
        scores = tf.concat([scores, 1 - scores], -1)
        return tf.math.log(tf.maximum(scores, 1e-7))
    several = kind != "labels" and len(scores.shape) > 1
    classes = scores.shape[-1] if several else 1
    scores = tf.reshape(scores, (count, -1, classes))
    if classes == 1:
        # sigmoid(z) is the softmax of (z, 0).
        pair = tf.concat([scores, tf.zeros_like(scores)], -1)
        return tf.nn.log_softmax(pair)
    sums_to_1 = tf.abs(tf.reduce_sum(scores, -1) - 1) < 1e-3
    return tf.where(
        tf.reduce_all(scores >= 0) & tf.reduce_all(sums_to_1),
        tf.math.log(tf.maximum(scores, 1e-7)),
        tf.nn.log_softmax(scores),
    )


def _draw(logs, seed):
    """Samples a class for each row from its log-probabilities."""
    noise = tf.random.stateless_uniform(tf.shape(logs), seed, minval=1e-38)
    return tf.argmax(logs - tf.math.log(-tf.math.log(noise)), -1)


class _Gated:
    """The model with a factor (gate) on each unit where it is consumed."""

    def __init__(self, groups):
        self.groups = groups
        self.consumed = _consumed(groups)

    def __call__(self, inputs, gates):
        unit = self.groups.unit
        batch = self.groups.trace.graph.inputs[0].shape[0]
        # What all images share takes one gate for the whole batch. Images are
        # independent: the square of the sum over a batch is expected to be the
        # sum of the squares, which the root makes of the mean.
        root = tf.sqrt(tf.cast(tf.shape(gates)[0], gates.dtype))
        shared = 1 + (tf.reduce_mean(gates, 0) - 1) * root

        def before(node, tensor, value):
            for axis in self.consumed.get((id(node), id(tensor)), ()):
                labels = self.groups.trace.axes[id(tensor)][axis]
                view = [1] * len(value.shape)
                view[axis] = len(labels)
                # Windows of an image may be rows of the batch.
                if tensor.shape[0] == batch and tensor.rows == 1:
                    factor = tf.gather(gates, unit[labels], axis=1)
                    view[0] = -1
                else:
                    factor = tf.gather(shared, unit[labels])
                value = value * tf.cast(tf.reshape(factor, view), value.dtype)
            return value

        def call(node, args, kwargs):
            return self._call(node, args, kwargs, shared)

        return execute(self.groups.trace.graph, inputs, call, before)

    def _call(self, node, args, kwargs, shared):
        sides = _gated_sides(self.groups, node.op)
        if not sides:
            return infer_node(node, args, kwargs)
        unit = self.groups.unit
        scales = [
            (s.variable, s.axis, tf.gather(shared, unit[s.labels]))
            for s in sides
        ]
        return with_scaled_weights(node.op, scales, args, kwargs)


def _consumed(groups):
    """Input axes whose labels are not in the outputs, by node and tensor."""
    axes, consumed = groups.trace.axes, {}
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
                    consumed_axes = consumed.setdefault(
                        (id(node), id(tensor)), []
                    )
                    if axis not in consumed_axes:
                        consumed_axes.append(axis)
    return consumed


def _gated_sides(groups, op):
    """For each inner label array, its last kernel and that kernel's bias."""
    sides = [side for side in groups.sides_in(op) if side.role in INSIDE]
    chosen = [side for side in sides if side.role == "state"]
    sides = [side for side in sides if side.role == "inner"]
    for labels in {id(side.labels): side.labels for side in sides}.values():
        mine = [side for side in sides if side.labels is labels]
        last = max(i for i, s in enumerate(mine) if len(s.variable.shape) > 2)
        chosen += mine[last:]
    return chosen
