"""Kernels solved anew, layer by layer, to make up for channels that went."""

import numpy as np
from keras import layers
from keras import tree

from tfdcu.graph.execute import Executor
from tfdcu.graph.graph import read_graph
from tfdcu.pruning.batches import batches
from tfdcu.pruning.patches import sampled_patches
from tfdcu.pruning.patches import sampled_positions

# Activations of all images that one layer may hold, in bytes.
_MEMORY = 256 * 2**20
# Places of the feature maps that a layer is solved from, at least.
_NUM_ROWS = 16384


def reconstruct(student, plan, images, *, limit=1024, ridge=1e-2, seed=0):
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
    if not ridge > 0:
        raise ValueError(
            "The systems need a ridge to have one solution. Expected: ridge "
            f"above 0. Received: ridge={ridge}."
        )
    own, original = read_graph(student), read_graph(plan.model)
    inputs = _collected(images, _fitting(original, limit))
    walk, reference = Executor(own, inputs), Executor(original, inputs)
    keep, found = plan.keep, []
    once = _called_once(own)
    generator = np.random.default_rng(seed)
    for node, origin in zip(own.nodes, original.nodes, strict=True):
        solvable = id(node.op) in once and _solvable(node.op)
        if solvable and _same_places(node, origin):
            (x,), (x_origin,) = (
                walk.inputs_of(node),
                reference.inputs_of(origin),
            )
            num = -(-max(_NUM_ROWS, 8 * _num_inputs(node.op)) // len(x))
            sizes = node.op.compute_output_shape(x.shape)[1:-1]
            places = sampled_positions(sizes, num, generator)
            rows = sampled_patches(node.op, x, places)
            goal = _outputs(origin.op, x_origin, places)
            goal = goal[:, keep.get(origin.path, slice(None))]
            norm = _norm_after(own, node, once)
            before, after = _solve(node.op, norm, rows, goal, ridge)
            found.append({"layer": node.path, "before": before, "after": after})
        walk.advance(node)
        reference.advance(origin)
    return found


def _solve(op, norm, rows, goal, ridge):
    """Gives a layer the kernel that fits; the misfit before and after.

    Args:
        op: A convolution or dense layer of the student.
        norm: The `BatchNormalization` that alone takes its outputs, or `None`.
        rows: Float32 array (places, numbers), what its kernel is applied to.
        goal: Float32 array (places, filters), what is to come out.
        ridge: See `reconstruct`.

    Returns:
        Two floats, shares of the variance of the outputs.
    """
    shifts = op.use_bias or norm is not None
    kernel = op.kernel.numpy()
    flat = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
    # Means are taken out only where something can put them back.
    mean = rows.mean(0, dtype="float64") if shifts else np.zeros(len(flat))
    middle = goal.mean(0, dtype="float64") if shifts else 0.0
    rows = rows - mean.astype("float32")
    goal = goal - middle
    misfit = goal - rows @ flat
    step = _ridge_step(rows, misfit, ridge)
    op.kernel.assign((flat + step).reshape(kernel.shape))
    shift = middle - mean @ (flat + step)
    if op.use_bias:
        op.bias.assign(shift)
    elif norm is not None:
        norm.moving_mean.assign(norm.moving_mean.numpy() - shift)
    total = max(float(np.square(goal).sum()), 1e-30)
    left = misfit - rows @ step
    return tuple(float(np.square(e).sum()) / total for e in (misfit, left))


def _ridge_step(rows, misfit, ridge):
    """The change of a kernel that fits best, held back by the ridge.

    Args:
        rows: Float32 array (places, numbers).
        misfit: Array (places, filters), what is to be made up for.
        ridge: See `reconstruct`.

    Returns:
        Float64 array (numbers, filters). The system is of places or of
        numbers, whichever are fewer; the solution is the same.
    """
    wide = len(rows) < rows.shape[1]
    gram = (rows @ rows.T if wide else rows.T @ rows).astype("float64")
    hold = ridge * np.trace(gram) / rows.shape[1] + 1e-12
    gram[np.diag_indices_from(gram)] += hold
    if wide:
        return rows.T @ np.linalg.solve(gram, misfit)
    return np.linalg.solve(gram, rows.T @ misfit)


def _outputs(op, x, places):
    """A layer's outputs at some places, before its activation."""
    kernel = op.kernel.numpy()
    rows = sampled_patches(op, x, places)
    outputs = rows @ kernel.reshape(-1, kernel.shape[-1])
    return outputs + op.bias.numpy() if op.use_bias else outputs


def _num_inputs(op):
    return int(np.prod(op.kernel.shape[:-1]))


def _solvable(op):
    changed = getattr(op, "quantization_mode", None)
    if changed or getattr(op, "lora_enabled", False):
        return False
    if type(op) is layers.Conv2D:
        return op.groups == 1 and op.data_format == "channels_last"
    return type(op) is layers.Dense


def _same_places(node, origin):
    """Whether a layer is applied where the original's is, none pruned."""
    shapes = [one.inputs[0].shape[1:-1] for one in (node, origin)]
    return shapes[0] == shapes[1]


def _called_once(graph):
    """Identities of the operations with one call and one input."""
    calls = {}
    for node in graph.nodes:
        calls.setdefault(id(node.op), []).append(len(node.inputs))
    return {op for op, inputs in calls.items() if inputs == [1]}


def _norm_after(graph, node, once):
    """The BatchNormalization of a node's output alone, or `None`."""
    (output,) = node.outputs
    user = graph.only_user(output)
    if user is None or id(user.op) not in once:
        return None
    if not isinstance(user.op, layers.BatchNormalization):
        return None
    return user.op if user.op.axis in (-1, len(output.shape) - 1) else None


def _fitting(graph, limit):
    """How many images may be walked with at once."""
    largest = max(
        4 * int(np.prod([size or 1 for size in tensor.shape[1:]]))
        for node in graph.nodes
        for tensor in node.outputs
    )
    return max(1, min(limit, _MEMORY // largest))


def _collected(images, limit):
    """The first images as one tensor for each input of the model."""
    parts = [tree.flatten(batch) for batch in batches(images, limit=limit)]
    if not parts:
        raise ValueError(
            "A model cannot be reconstructed without data. Expected at least "
            "one batch of unlabeled images. Received: none."
        )
    return [np.concatenate([np.asarray(p) for p in one]) for one in zip(*parts)]
