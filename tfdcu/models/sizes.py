"""A model for images of any size, at the one size that it will see."""

import keras


def at_size(model, image_shape):
    """A model whose input has a fixed size.

    Costs, LiteRT files and the channels of a student are those of one size.

    Args:
        model: A functional `keras.Model` with one image input.
        image_shape: (height, width, channels) where the model leaves them
            open.

    Returns:
        The model itself where its size is fixed, else a copy of it.
    """
    (given,) = model.inputs
    if None not in given.shape[1:]:
        return model
    images = keras.Input(image_shape, name=given.name, dtype=given.dtype)
    fixed = keras.models.clone_model(model, input_tensors=images)
    fixed.set_weights(model.get_weights())
    return fixed
