"""What images say of a model: ranges of its tensors, inputs of its kernels."""

from dataclasses import dataclass
from dataclasses import field

import numpy as np
import tensorflow as tf
from keras import ops
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import infer_node
from tfdcu.graph.images import are_images
from tfdcu.graph.kernels import num_unknowns
from tfdcu.graph.patches import draw_places
from tfdcu.graph.patches import patches_at
from tfdcu.graph.pixels import check_pixels
from tfdcu.quantization.chains import has_kernel
from tfdcu.workdir.arguments import naming

# Kernels with more weights a filter are rounded one by one: the products of
# their inputs would take too much memory.
MOST_WEIGHTS = 4608


@dataclass
class Inputs:
    """Sums over what the weights of a filter are multiplied with.

    Attributes:
        shift: Float32 array (groups, weights), near the mean, which is taken
            off first: float32 holds little of what varies about a large mean.
        products: (groups, weights, weights), of products.
        values: (groups, weights), of the values themselves.
        count: How many there were.
    """

    shift: np.ndarray
    products: np.ndarray
    values: np.ndarray
    count: int

    def __add__(self, other):
        """Both; they must have the same `shift`."""
        return Inputs(
            self.shift,
            self.products + other.products,
            self.values + other.values,
            self.count + other.count,
        )

    def mean(self):
        """(groups, weights), float64."""
        return self.shift + self.values.astype("float64") / self.count

    def covariance(self):
        """(groups, weights, weights), float64, with positive eigenvalues."""
        mean, products = self.mean() - self.shift, self.products / self.count
        covariance = products - mean[:, :, None] * mean[:, None]
        # What rounding may have taken from inputs that hardly vary.
        squares = np.trace(products, axis1=1, axis2=2) / mean.shape[1]
        least = 1e-5 * squares[:, None, None] + 1e-12
        return covariance + least * np.eye(mean.shape[1])


@dataclass
class Calibration:
    """What is measured on the images.

    Attributes:
        ranges: Dict from `id(tensor)`, of floats or of images, to its smallest
            and its largest value, and zero.
        inputs: Dict from `id(layer)` to the `Inputs` of its kernel.
    """

    ranges: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)

    def widen(self, tensor, low, high):
        """Makes room for values of a tensor between these."""
        old = self.ranges.get(id(tensor), (0.0, 0.0))
        self.ranges[id(tensor)] = min(old[0], low), max(old[1], high)


def calibrate(graph, images, num_images, value_range=None, seed=0):
    """Runs a model over images and keeps what its integers need to know.

    Args:
        graph: A `Graph`.
        images: As in `batches`.
        num_images: Largest number of images.
        value_range: `(low, high)` of the pixels of those inputs that are
            images; the ranges of others are measured. Defaults to `None`:
            those of all are.
        seed: Int, chooses places in the feature maps. Defaults to 0.

    Returns:
        A `Calibration`.

    Raises:
        ValueError: If pixels are not within their range, or a kernel receives
            values that are not finite.
    """
    found, generator = Calibration(), np.random.default_rng(seed)

    def measure(tensor, value):
        if tensor.dtype.startswith(("float", "bfloat")):
            found.widen(tensor, float(ops.min(value)), float(ops.max(value)))

    def call(node, args, kwargs):
        if has_kernel(node) and num_unknowns(node.op) <= MOST_WEIGHTS:
            old = found.inputs.get(id(node.op))
            new = _inputs(node.op, args[0], num_images, generator, old)
            _check_finite(new, node.path)
            found.inputs[id(node.op)] = new if old is None else old + new
        outputs = infer_node(node, args, kwargs)
        for tensor, value in zip(node.outputs, outputs):
            measure(tensor, value)
        return outputs

    for batch in batches(images, 32, num_images):
        for tensor, value in zip(graph.inputs, tree.flatten(batch)):
            if value_range is not None and are_images(tensor.shape[1:]):
                with naming("images"):
                    check_pixels(np.asarray(value), value_range)
                found.widen(tensor, *map(float, value_range))
            else:
                measure(tensor, value)
        execute(graph, batch, call)
    return found


def _check_finite(inputs, path):
    """Raise if a layer receives values that are not finite."""
    if not np.isfinite(inputs.products).all():
        raise ValueError(
            "The images cannot tell how to round kernels. Expected: finite "
            "pixels, and a model that gives finite values for them. Received: "
            f"NaN, infinite or too large inputs of layer {path!r}"
        )


def _inputs(op, features, num_images, generator, old):
    """The `Inputs` of a layer at some places, with the shift of old ones."""
    wanted = max(4096, 16 * num_unknowns(op))
    sizes = op.compute_output_shape(features.shape)[1:-1]
    places = draw_places(sizes, -(-wanted // num_images), generator)
    rows = patches_at(op, ops.convert_to_tensor(features), places)
    shift = old.shift if old else tf.reduce_mean(rows, 1).numpy()
    rows -= shift[:, None]
    products = tf.matmul(rows, rows, transpose_a=True)
    sums = products.numpy(), tf.reduce_sum(rows, 1).numpy()
    return Inputs(shift, *sums, rows.shape[1])
