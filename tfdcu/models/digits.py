"""A small convolutional network for 8x8 images of digits."""

import keras
from keras import layers


def digits_net(image_shape=(8, 8, 1), num_classes=10, width=1.0):
    """Three convolutions with BatchNorm, pooling, logits.

    The teacher of the digits example. About 75,000 parameters at width 1, with
    32, 64 and 96 channels: a quarter of each is a multiple of 8, for students
    with a fifteenth of the weights.

    Args:
        image_shape: `(height, width, channels)`, at least 4x4.
        num_classes: Number of logits.
        width: Factor on the number of channels.

    Returns:
        A functional `keras.Model`: float32 images in [0, 1],
        `(batch, height, width, channels)`, to logits `(batch, num_classes)`.
    """
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for index, (filters, stride) in enumerate(
        ((32, 1), (64, 2), (96, 2)), start=1
    ):
        x = layers.Conv2D(
            max(1, round(filters * width)),
            3,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"block{index}_conv",
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"block{index}_bn")(x)
        x = layers.ReLU(name=f"block{index}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="digits")
