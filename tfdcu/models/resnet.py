"""CIFAR ResNets (He et al. 2016, section 4.2)."""

import keras
from keras import layers

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)


def resnet(depth, image_shape=(32, 32, 3), num_classes=10, width=1.0):
    """The CIFAR ResNet of `depth` 6n + 2, with projection shortcuts.

    He et al. 2016 (arXiv:1512.03385, section 4.2): a 3x3 stem, three stages
    of n blocks with 16, 32 and 64 channels at full, half and quarter
    resolution, global pooling, one dense layer. Where a block changes the
    shape, the shortcut is a 1x1 convolution with BatchNorm (option B of the
    paper), because zero-padded channels (option A) cannot be pruned.

    Layer names: `stem_{conv,bn,relu}`, then for every stage `s` and block `b`
    `stage{s}_block{b}_{1,2,shortcut}_{conv,bn}`, `..._1_relu`, `..._add`,
    `..._out`; at the end `pool` and `logits`.

    Args:
        depth: 20, 32, 44, 56, 110 or any other 6n + 2.
        image_shape: `(height, width, channels)`.
        num_classes: Number of logits.
        width: Factor on the number of channels.

    Returns:
        A functional `keras.Model`: float32 images in [0, 1],
        `(batch, height, width, channels)`, to logits `(batch, num_classes)`.
        A `Normalization` layer standardizes the images.
    """
    inputs = keras.Input(image_shape, name="image")
    x = normalize(image_shape[-1])(inputs)
    filters = [max(1, round(count * width)) for count in (16, 32, 64)]
    x = _conv_bn(x, filters[0], 3, 1, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    for stage, count in enumerate(filters, start=1):
        for block in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, count, stride, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=f"resnet{depth}")


def normalize(channels):
    """Normalizes by CIFAR-10's statistics, or 0.5 and 0.25 if not RGB."""
    mean, std = CIFAR_MEAN, CIFAR_STD
    if channels != 3:
        mean, std = [0.5] * channels, [0.25] * channels
    return layers.Normalization(
        mean=list(mean), variance=[s * s for s in std], name="normalize"
    )


def _block(x, filters, stride, name):
    shortcut = x
    y = _conv_bn(x, filters, 3, stride, f"{name}_1")
    y = layers.ReLU(name=f"{name}_1_relu")(y)
    y = _conv_bn(y, filters, 3, 1, f"{name}_2")
    if stride > 1 or x.shape[-1] != filters:
        shortcut = _conv_bn(x, filters, 1, stride, f"{name}_shortcut")
    x = layers.Add(name=f"{name}_add")([shortcut, y])
    return layers.ReLU(name=f"{name}_out")(x)


def _conv_bn(x, filters, size, stride, name):
    x = layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, name=f"{name}_bn"
    )(x)
