"""Copies of models, and models and images at a fixed size."""

import keras
import tensorflow as tf

from tfdcu.graph.clone import clone_layer
from tfdcu.graph.clone import copy_state
from tfdcu.graph.parse import is_model
from tfdcu.graph.parse import structure
from tfdcu.workdir.arguments import INPUT_SHAPE
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments


def at_size(model, image_shape):
    """A model for images of one size.

    Macs, LiteRT files and pruned channels are those of one size.

    Args:
        model: A functional `keras.Model` with one input.
        image_shape: (height, width, channels) of the images; of other inputs
            the shape of one, such as (time, channels).

    Returns:
        The model itself if it has that size, else a copy that has it, with
        the same weights.

    Raises:
        ValueError: If its weights only fit its own size.
    """
    check_arguments(model=model)
    check("image_shape", image_shape, INPUT_SHAPE)
    own = tuple(model.inputs[0].shape[1:])
    if own == tuple(image_shape):
        return model
    try:
        return copy_of(model, image_shape)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "The model cannot be built at another image size. Expected: "
            f"images of its own size, {own}, or a model without layers whose "
            "weights depend on it, such as Dense after Flatten. Received: "
            f"image_shape={tuple(image_shape)} ({error})"
        ) from error


def takes_any_size(model):
    """Whether a model's only input is images of no certain size."""
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    return len(shapes) == 1 and len(shapes[0]) == 3 and None in shapes[0]


def copy_of(model, image_shape=None):
    """An uncompiled copy of a model that does not share its weights.

    Args:
        model: A functional `keras.Model` with one input.
        image_shape: Input shape of the copy; defaults to the model's.

    Returns:
        A functional `keras.Model`.
    """
    (given,) = model.inputs
    shape = image_shape or given.shape[1:]
    images = keras.Input(shape, name=given.name, dtype=given.dtype)
    made, originals, sized = {}, {}, {}

    def copied(layer):
        if id(layer) not in made:
            new = clone_layer(layer, layer.get_config(), copied)
            made[id(layer)] = layer, new
            originals[id(new)] = layer
        return made[id(layer)][1]

    def call(layer, *args, **kwargs):
        """Calls a copy; a model inside, for one size of images, at this one."""
        inner = originals.get(id(layer))
        if is_model(inner) and _is_of_another_size(inner, args):
            layer = resized_copy(inner, tuple(args[0].shape[1:]))
        return layer(*args, **kwargs)

    def resized_copy(inner, shape):
        key = id(inner), shape
        if key not in sized:
            sized[key] = copy_of(inner, shape)
            if not inner.trainable:
                sized[key].trainable = False
        return sized[key]

    # Without compile arguments, which Keras may not be able to clone.
    ends = structure(model, "output")
    plain = keras.Model(given, ends, name=model.name)
    copy = keras.models.clone_model(
        plain,
        input_tensors=images,
        clone_function=copied,
        call_function=call,
    )
    for old, new in made.values():
        if isinstance(old, keras.layers.Layer) and not is_model(old):
            new.set_weights(old.get_weights())
            copy_state(old, new)
    return copy


def _is_of_another_size(model, args):
    """Whether a model takes images of one size, and these are of another."""
    shapes = [tuple(x.shape) for x in args if hasattr(x, "shape")]
    own = [tuple(tensor.shape) for tensor in model.inputs]
    if [len(shape) for shape in shapes + own] != [4, 4]:
        return False
    return any(a not in (None, b) for a, b in zip(own[0][1:3], shapes[0][1:3]))


def resized(images, input_shape):
    """Resizes images to the height and width of a model's input."""
    size = input_shape[1:3]
    if len(input_shape) != 4 or None in size or images.shape[1:3] == size:
        return images
    return tf.image.resize(images, size, antialias=True)
