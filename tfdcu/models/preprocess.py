"""Put the preprocessing that a model was trained with into the model."""

import functools

import keras
import numpy as np
from keras import layers

from tfdcu.graph.inference import compiled
from tfdcu.graph.resize import copy_of

# The modes of `keras.applications.imagenet_utils.preprocess_input`.
MODES = ("caffe", "tf", "torch")


def with_preprocessing(model, preprocess):
    """A model of images in [0, 1] from one of preprocessed images.

    Networks of `keras.applications` and of PyTorch's model zoo are trained on
    images that a function outside the model has preprocessed. As layers of
    the model, the student and its file have it too, and take plain RGB. For
    `"caffe"`, which is BGR, the first kernel is flipped instead of the image.

    Args:
        model: A functional `keras.Model` with one image input. It is not
            changed.
        preprocess: `"caffe"`, `"tf"` or `"torch"`, the modes of Keras'
            `preprocess_input` (ResNet and VGG; MobileNet, MobileNetV2 and
            Xception; DenseNet); or a pair `(mean, deviation)` for images in
            [0, 1], each a number or one for every channel.

    Returns:
        A functional `keras.Model` that computes `model(f(images))`, where `f`
        is the preprocessing, with weights of its own.

    Raises:
        ValueError: If `preprocess` is none of these, or does not fit the
            model: it begins with a preprocessing of its own, or `"caffe"` is
            given for a model that does not begin with a convolution of color
            images.

    Example:

    >>> teacher = keras.applications.MobileNetV2()
    >>> teacher = tfdcu.models.with_preprocessing(teacher, "tf")
    """
    shape = model.inputs[0].shape[1:]
    scale, offset, swapped = affine_of(preprocess, shape[-1])
    _check_plain(model, preprocess)
    inputs = keras.Input(shape, name="image")
    network = copy_of(model)
    if swapped:
        flip_first_kernel(network)
    x = layers.Rescaling(
        [float(value) for value in scale],
        [float(value) for value in offset],
        name="preprocess",
    )(inputs)
    # `call` adds the layers themselves to the graph, not the model as one.
    joined = keras.Model(inputs, network.call(x), name=model.name)
    joined = copy_of(joined)
    if swapped:
        _check_flipped(model, joined, preprocess)
    return joined


def affine_of(preprocess, channels=3):
    """The preprocessing of images in [0, 1] as scale, offset and order.

    Args:
        preprocess: See `with_preprocessing`.
        channels: Number of channels of the images.

    Returns:
        (scale, offset, swapped): floats (channels,) each, in the order of
        the images; the result is `scale * images + offset`, with its channels
        reversed if `swapped`.

    Raises:
        ValueError: If `preprocess` is invalid for these images.
    """
    if isinstance(preprocess, str) and preprocess in MODES:
        if channels != 3 and preprocess != "tf":
            raise ValueError(
                f"The preprocessing {preprocess!r} is one of color images. "
                "Expected: a model of images with 3 channels. Received: one of "
                f"images with {channels}"
            )
        scale, offset, swapped = measure_preprocessing(
            functools.partial(
                keras.applications.imagenet_utils.preprocess_input,
                data_format="channels_last",
                mode=preprocess,
            )
        )
        return scale[:channels], offset[:channels], swapped
    try:
        mean, deviation = preprocess
        mean, deviation = (
            np.broadcast_to(np.asarray(part, "float64"), (channels,))
            for part in (mean, deviation)
        )
        fits = np.isfinite([mean, deviation]).all() and (deviation > 0).all()
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(
            f"Invalid value for `preprocess`. Expected: one of {list(MODES)}, "
            "or (mean, deviation), each a finite number or one for each of "
            f"the {channels} channels, deviations above 0. Received: "
            f"preprocess={preprocess!r}"
        )
    return 1 / deviation, -mean / deviation, False


def measure_preprocessing(function):
    """`function(255 * image)` as scale, offset and whether it is BGR.

    Args:
        function: From images (batch, height, width, 3) in [0, 255] to
            preprocessed ones, such as Keras' `preprocess_input`.

    Returns:
        As `affine_of`.
    """
    # black and each primary color, one pixel each, 0 to 255: (4, 1, 1, 3)
    probe = np.zeros((4, 1, 1, 3), "float32")
    for channel in range(3):
        probe[channel + 1, 0, 0, channel] = 255.0
    black, *colors = function(probe.copy())[:, 0, 0]
    matrix = np.stack([color - black for color in colors])  # (in, out)
    swapped = bool(matrix[0, 2])
    if swapped:
        matrix, black = matrix[:, ::-1], black[::-1]
    return np.diag(matrix), black, swapped


def flip_first_kernel(model):
    """Make a model of BGR images one of RGB images, in place.

    Args:
        model: A `keras.Model` whose images go into one convolution first.
    """
    for layer in _in_order(model):
        if isinstance(layer, layers.Conv2D):
            layer.kernel.assign(layer.kernel.numpy()[:, :, ::-1, :])
            return


def _in_order(model):
    """The layers from the input on, those of models inside in their place."""
    for layer in model.layers:
        inside = isinstance(layer, keras.Model)
        yield from _in_order(layer) if inside else [layer]


def _check_plain(model, preprocess):
    """Raises if a layer before the first weights preprocesses the images."""
    for layer in _in_order(model):
        if isinstance(layer, (layers.Rescaling, layers.Normalization)):
            raise ValueError(
                "The model has a preprocessing of its own. Expected: "
                "preprocess=None, and data.value_range, the range of pixels "
                f"that its layer {layer.name!r} takes. Received: "
                f"preprocess={preprocess!r}"
            )
        if layer.weights:
            return


def _check_flipped(model, joined, preprocess):
    shape = [size or 64 for size in model.inputs[0].shape[1:]]
    images = np.random.default_rng(0).random((2, *shape)).astype("float32")
    scale, offset, _ = affine_of(preprocess)
    given = (scale * images + offset)[..., ::-1].astype("float32")
    expected = np.asarray(compiled(model)(given))
    received = np.asarray(compiled(joined)(images))
    largest = max(1e-12, np.abs(expected).max())
    if np.abs(received - expected).max() > 1e-3 * largest:
        raise ValueError(
            "The order of the channels cannot be reversed in the weights of "
            "this model. Expected: a model whose images go into one "
            f"convolution first. Received: preprocess={preprocess!r} for the "
            f"model {model.name!r}"
        )
