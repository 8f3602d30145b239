"""Which kernels have 8 bits and which 4: by what 4 do to the outputs."""

import numpy as np
from keras import ops
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.ends import kinds_of
from tfdcu.graph.inference import compiled


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


def choose_bits(fine, coarse, images, weight_bits, num_images=128):
    """The bits of each kernel, most where few harm.

    Each kernel alone is rounded to 4 bits. The divergence from the outputs
    before, KL, says how sensitive it is; no labels are needed. All kernels get
    4 bits, and 8 bits in the order of divergence per weight as long as the
    mean allows it.

    Args:
        fine, coarse: Models of `quantize_aware` with 8 and with 4 bits.
        images: As in `quantize_aware`.
        weight_bits: Float from 4 to 8, the largest mean over all weights.
        num_images: Largest number of images. Defaults to 128.

    Returns:
        Dict from layer name to 4 or 8.
    """
    kernels = [layer for layer in fine.layers if hasattr(layer, "weight_bits")]
    sizes = {layer.name: int(np.prod(layer.kernel.shape)) for layer in kernels}
    harm = divergences(fine, coarse, kernels, images, num_images)
    spare = (weight_bits - 4) * sum(sizes.values())
    bits = dict.fromkeys(sizes, 4)
    for name in sorted(sizes, key=lambda name: -harm[name] / sizes[name]):
        if 4 * sizes[name] <= spare:
            bits[name] = 8
            spare -= 4 * sizes[name]
    return bits


def divergences(fine, coarse, kernels, images, num_images):
    """How far 4 bits move the outputs, by name of the layer that has them."""
    stack = np.concatenate(list(batches(images, 32, num_images)))
    run, kinds = compiled(fine), kinds_of(fine)

    def outputs():
        return [np.asarray(x, "float64") for x in tree.flatten(run(stack))]

    expected, found = outputs(), {}
    for layer in kernels:
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        other = coarse.get_layer(layer.name)
        layer.kernel.assign(ops.reshape(other.quantized_kernel(), kernel.shape))
        layer.bias.assign(other.bias)
        found[layer.name] = sum(map(divergence, expected, outputs(), kinds))
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
