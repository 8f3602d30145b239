"""Which kernels have 8 bits and which 4: by what 4 do to the outputs."""

import difflib

import numpy as np
from keras import ops
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.ends import kinds_of
from tfdcu.graph.inference import compiled
from tfdcu.quantization.chains import has_kernel


def check_weight_bits(weight_bits):
    """Raises if `weight_bits` is no number from 4 to 8 and no dict of bits.

    Args:
        weight_bits: As in `quantize_aware`.

    Raises:
        ValueError: If it is anything else.
    """
    if isinstance(weight_bits, dict):
        fits = all(bits in (4, 8) for bits in weight_bits.values())
    else:
        number = isinstance(weight_bits, (int, float, np.number))
        fits = number and 4 <= weight_bits <= 8
    if not fits:
        raise ValueError(
            "Invalid value for `weight_bits`. Expected: a number from 4 to 8, "
            "the mean over all weights, or a dict from names of layers to 4 or "
            f"8. Received: weight_bits={weight_bits!r}"
        )


def bits_by_name(graph, weight_bits):
    """The bits of the layers that a dict names.

    Args:
        graph: A `Graph`.
        weight_bits: Dict from names of layers with kernels to 4 or 8. The path
            of a layer in a nested model counts before its name, which may be
            that of several.

    Returns:
        Dict from `id(layer)` to 4 or 8.

    Raises:
        ValueError: If a name is that of no such layer; the message has the
            nearest ones.
    """
    kernels = [node for node in graph.nodes if has_kernel(node)]
    known = {name for node in kernels for name in (node.path, node.op.name)}
    for name in weight_bits:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=3, cutoff=0)
            raise ValueError(
                "Unknown layer in `weight_bits`. Expected: names of Conv2D, "
                "DepthwiseConv2D and Dense layers of the model; the nearest "
                f"are {near}. Received: weight_bits={{{name!r}: "
                f"{weight_bits[name]!r}}}"
            )

    def by(name_of):
        return {
            id(node.op): int(weight_bits[name_of(node)])
            for node in kernels
            if name_of(node) in weight_bits
        }

    return by(lambda node: node.op.name) | by(lambda node: node.path)


def choose_bits(fine, coarse, images, weight_bits, num_images=128):
    """The bits of each kernel, most where few harm.

    Each kernel alone is rounded to 4 bits. The divergence from the outputs
    before, KL, says how sensitive it is; no labels are needed. All kernels get
    4 bits, and 8 bits in the order of divergence per weight as long as the
    mean allows it. What scales channels has 8 bits always.

    Args:
        fine, coarse: Results of `rebuild` with 8 and with 4 bits.
        images: As in `batches`.
        weight_bits: Float from 4 to 8, the largest mean over all weights.
        num_images: Largest number of images. Defaults to 128.

    Returns:
        Dict from `id(layer)` of each layer with a kernel to 4 or 8.
    """
    model, kernels = fine
    pairs = {key: (kernels[key], other) for key, other in coarse[1].items()}
    sizes = {key: _size(layer) for key, layer in kernels.items()}
    harm = divergences(model, pairs, images, num_images)
    total = sum(_size(x) for x in model.layers if hasattr(x, "weight_bits"))
    spare = (weight_bits - 4) * total - 4 * (total - sum(sizes.values()))
    bits = dict.fromkeys(sizes, 4)
    for key in sorted(sizes, key=lambda key: -harm[key] / sizes[key]):
        if 4 * sizes[key] <= spare:
            bits[key] = 8
            spare -= 4 * sizes[key]
    return bits


def _size(layer):
    return int(np.prod(layer.kernel.shape))


def divergences(model, pairs, images, num_images):
    """How far 4 bits move the outputs, for each kernel.

    Args:
        model: A model of `quantize_aware` with 8 bits.
        pairs: Dict from any keys to its layer and the same one with 4 bits.
        images, num_images: As in `batches`.

    Returns:
        Dict from the keys to floats, see `divergence`.
    """
    parts = list(batches(images, 32, num_images))
    stack = tree.map_structure(lambda *one: np.concatenate(one), *parts)
    run, kinds = compiled(model), kinds_of(model)

    def outputs():
        return [np.asarray(x, "float64") for x in tree.flatten(run(stack))]

    expected, found = outputs(), {}
    for key, (layer, other) in pairs.items():
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        layer.kernel.assign(ops.reshape(other.quantized_kernel(), kernel.shape))
        layer.bias.assign(other.bias)
        found[key] = sum(map(divergence, expected, outputs(), kinds))
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)
    return found


def divergence(before, after, kind):
    """Mean KL(before || after) in nats, of labels that of each yes and no.

    Args:
        before, after: Logits, float (images, ..., classes).
        kind: What they answer, see `tfdcu/graph/ends.py`. Of the values of a
            regression the result is the squared change as a share.

    Returns:
        Float, at least 0.
    """
    if kind == "values":
        return float(np.mean((before - after) ** 2) / np.mean(before**2))
    if kind == "labels" or before.shape[-1] == 1:
        # A sigmoid of z is the softmax of (z, 0).
        before, after = (
            np.stack([z, np.zeros_like(z)], -1) for z in (before, after)
        )
    before, after = map(_log_softmax, (before, after))
    return float(np.mean((np.exp(before) * (before - after)).sum(-1)))


def _log_softmax(logits):
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
