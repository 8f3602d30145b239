"""`quantize_aware`: a model that learns what its integers can do."""

import warnings

from tfdcu.graph.ends import kinds_of
from tfdcu.graph.float32 import as_float32
from tfdcu.graph.graph import read_graph
from tfdcu.graph.heads import as_heads
from tfdcu.graph.heads import functional
from tfdcu.graph.images import images_for
from tfdcu.quantization.bits import bits_by_name
from tfdcu.quantization.bits import check_weight_bits
from tfdcu.quantization.bits import choose_bits
from tfdcu.quantization.calibration import calibrate
from tfdcu.quantization.chains import float_kernels
from tfdcu.quantization.rebuild import rebuild
from tfdcu.workdir.arguments import RANGE
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

IMAGES = "images in any form that `fit` takes", lambda x: x is not None


def quantize_aware(
    model,
    *,
    images,
    weight_bits=8,
    value_range=(0.0, 1.0),
    num_images=256,
):
    """A model whose values lie where the integers of its LiteRT file will.

    Give the result to `export_litert`, as it is or trained for a short time at
    a low rate, by `fit` or as the student of an `AlignedDistiller`: the file
    needs no calibration.

    BatchNormalization is folded into the kernel before it, with its moving
    averages. Kernels of `Conv2D`, `DepthwiseConv2D` and `Dense` are rounded by
    output channel, symmetrically, so that the layer's outputs on `images`
    change least (GPTQ, Frantar et al. 2022, arXiv:2210.17323); those with more
    than 4,608 weights a filter are rounded weight by weight. What LiteRT
    stores between its operators is rounded to 256 steps (Jacob et al. 2018,
    arXiv:1712.05877). Layers of other kinds stay float, with a warning that
    names those with weights.

    Args:
        model: A trained functional or Sequential `keras.Model` with channels
            last. It is not changed.
        images: Unlabeled images in any form that `fit` takes, such as an array
            (n, height, width, channels), a dataset of batches, or a list or
            dict of arrays for several inputs: what the layers take there
            decides how kernels are rounded, and the smallest and largest
            activations are the ends of the ranges. Take at least 100 like
            those of the task.
        weight_bits: 8, or 4, or a number between: then the kernels that bear
            4 bits worst, measured on the images, keep 8 bits as long as the
            mean over all weights is at most this. Or a dict from names of
            layers, in nested models also paths such as `"base/conv1"`, to 4 or
            8; 8 for those that are missing. Defaults to 8.
        value_range: `(low, high)` of the pixels. Values outside by more than a
            tenth of the range are an error. Of other inputs than images it
            does not count: their range is measured like that of activations.
            Defaults to `(0.0, 1.0)`.
        num_images: Largest number of images. Defaults to 256.

    Returns:
        A functional `keras.Model` in float32, whatever the dtype policies,
        with the same inputs and outputs, but for a softmax or sigmoid at the
        end: it gives logits, which are what is trained. Layers with kernels,
        and those after which a tensor is rounded, keep their names.

    Raises:
        ValueError: If an argument is invalid or the model cannot be taken
            apart.

    Example:

    ```python
    small = tfdcu.quantize_aware(student, images=pool, weight_bits=4)
    distiller = tfdcu.AlignedDistiller(small, teacher)
    distiller.compile(keras.optimizers.Adam(1e-4))
    distiller.fit(batches, epochs=3)
    tfdcu.export_litert(small, "small.tflite", "int8_weight4", images=pool)
    ```
    """
    check_weight_bits(weight_bits)
    check_arguments(model=model, num_images=num_images)
    check("images", images, IMAGES)
    check("value_range", value_range, RANGE)
    graph = read_graph(as_float32(with_logits(model)))
    with naming("images"):
        images = images_for(graph.model, images)
    by_name = isinstance(weight_bits, dict)
    if by_name:
        bits = bits_by_name(graph, weight_bits)
    left = float_kernels(graph)
    if left:
        warnings.warn(
            f"These layers stay float: {', '.join(left)}. Conv2D, "
            "DepthwiseConv2D and Dense become integers, with channels last "
            "and no activation inside but relu and relu6; others can be "
            "layers of their own.",
            stacklevel=2,
        )
    found = calibrate(graph, images, num_images, value_range)
    if not by_name:
        bits = bits_by_mean(graph, found, images, weight_bits)
    quantized, _ = rebuild(graph, found, bits)
    return quantized


def bits_by_mean(graph, found, images, mean):
    """The bits of each kernel with a mean of at most this, by `id(layer)`."""

    def all_with(bits):
        return dict.fromkeys((id(node.op) for node in graph.nodes), bits)

    if mean in (4, 8):
        return all_with(int(mean))
    fine, coarse = (rebuild(graph, found, all_with(bits)) for bits in (8, 4))
    return choose_bits(fine, coarse, images, mean)


def with_logits(model):
    """The model without a softmax or sigmoid at the end of its outputs.

    Behind rounded probabilities nobody would look for logits, and a training
    would take the ones for the others.
    """
    model = functional(model)
    kinds = kinds_of(model)
    if not set(kinds) & {"classes", "labels"}:
        return model
    return as_heads(model, [kind or "values" for kind in kinds])
