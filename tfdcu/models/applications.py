"""Models of `keras.applications` from images in [0, 1] to logits."""

import inspect

import keras
import numpy as np
from keras import layers

from tfdcu.models.preprocess import flip_first_kernel
from tfdcu.models.preprocess import measure_preprocessing


def application_names():
    """Names of every model function in `keras.applications`, sorted."""
    return sorted(
        name
        for name in dir(keras.applications)
        if inspect.isfunction(getattr(keras.applications, name))
    )


def application(
    name,
    image_shape,
    num_classes,
    width=1.0,
    weights=None,
    **options,
):
    """A `keras.applications` model from images in [0, 1] to logits.

    Each family expects its own pixel range: [0, 255], [-1, 1], or ImageNet's
    mean subtracted, some in BGR order. A `Rescaling` layer at the input
    applies the family's `preprocess_input` to `255 * images`; for BGR families
    (ResNet, VGG) the first kernel is flipped instead of the image. So
    pretrained weights see the input they were trained on.

    Args:
        name: Function name as Keras spells it, e.g. `"MobileNetV2"`.
        image_shape: `(height, width, channels)`.
        num_classes: Number of logits.
        width: Factor on the number of channels, the MobileNets' `alpha`; must
            be 1 for other families.
        weights: `None` (random), `"imagenet"` (downloaded by Keras), or the
            path of weights saved from the same architecture. With
            `"imagenet"` and `num_classes` other than 1000, the head is a new
            dense layer after global average pooling.
        **options: Passed to the function: `dropout=`, `minimalistic=`, ...

    Returns:
        A functional `keras.Model`: float32 images in [0, 1],
        `(batch, height, width, channels)`, to logits `(batch, num_classes)`.

    Raises:
        ValueError: If `width` is not 1 for a family without it, or an option
            is unknown.
    """
    function = getattr(keras.applications, name)
    known = inspect.signature(function).parameters
    if width != 1.0:
        if "alpha" not in known:
            raise ValueError(
                f"keras.applications.{name} has only one width. "
                "Expected: width=1.0, or a MobileNet. "
                f"Received: width={width}"
            )
        options["alpha"] = width
    reserved = {
        "input_tensor",
        "input_shape",
        "classes",
        "classifier_activation",
    }
    unknown = sorted(set(options) - (set(known) - reserved))
    if unknown:
        raise ValueError(
            f"Unknown options for keras.applications.{name}. "
            f"Expected: some of {', '.join(sorted(set(known) - reserved))}. "
            f"Received: {', '.join(unknown)}"
        )
    inputs = keras.Input(image_shape, name="image")
    preprocess_input = inspect.getmodule(function).preprocess_input
    scale, offset, swapped = measure_preprocessing(preprocess_input)
    if image_shape[-1] != 3:
        scale, offset = [np.mean(scale)], [np.mean(offset)]
    x = layers.Rescaling(
        [float(s) for s in scale],
        [float(o) for o in offset],
        name="to_model_range",
    )(inputs)
    new_head = weights == "imagenet" and num_classes != 1000
    head = (
        {"include_top": False, "pooling": "avg"}
        if new_head
        else {"classes": num_classes, "classifier_activation": None}
    )
    model = function(
        input_tensor=x,
        input_shape=tuple(image_shape),
        weights=weights,
        **{**head, **options},
    )
    if swapped:
        flip_first_kernel(model)
    outputs = model.output
    if new_head:
        outputs = layers.Dense(num_classes, dtype="float32", name="logits")(
            outputs
        )
    elif outputs.dtype != "float32":
        outputs = layers.Activation("linear", dtype="float32", name="logits")(
            outputs
        )
    return keras.Model(inputs, outputs, name=name.lower())
