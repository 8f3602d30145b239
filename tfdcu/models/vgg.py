"""VGG-16 with BatchNorm for 32-pixel images."""

import keras
from keras import layers

from tfdcu.models.resnet import normalize

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16_bn(image_shape=(32, 32, 3), num_classes=10, width=1.0):
    """Thirteen convolutions with BatchNorm and one dense layer.

    The usual CIFAR variant of Simonyan and Zisserman 2015 (arXiv:1409.1556,
    configuration D): BatchNorm after every convolution, and one dense layer on
    the pooled features instead of three. It has no branches, so it is a good
    first model to prune.

    Layer names: `block{1..5}_{1..3}_{conv,bn,relu}`, `block{1..5}_pool`,
    `pool`, `logits`.

    Args:
        image_shape: `(height, width, channels)`, at least 32x32.
        num_classes: Number of logits.
        width: Factor on the number of channels.

    Returns:
        A functional `keras.Model`: float32 images in [0, 1],
        `(batch, height, width, channels)`, to logits `(batch, num_classes)`.
        A `Normalization` layer standardizes the images.
    """
    inputs = keras.Input(image_shape, name="image")
    x = normalize(image_shape[-1])(inputs)
    for block, (filters, depth) in enumerate(STAGES, start=1):
        for index in range(1, depth + 1):
            name = f"block{block}_{index}"
            x = layers.Conv2D(
                max(1, round(filters * width)),
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                name=f"{name}_conv",
            )(x)
            x = layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, name=f"{name}_bn"
            )(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="vgg16_bn")
