"""Compress a small vision transformer: its heads, widths and hidden layers.

    python examples/vision_transformer.py

The network is plain Keras with a layer of its own; nothing in it knows of
tfdcu. About two minutes on two CPU cores.
"""

import keras
from keras import layers

import tfdcu


class Positions(layers.Layer):
    """Adds a trained vector to each patch: (batch, patches, width)."""

    def build(self, shape):
        self.table = self.add_weight(
            shape=shape[1:], initializer="random_normal", name="table"
        )

    def call(self, x):
        return x + self.table


def vit(image_shape=(8, 8, 1), num_classes=10, width=48, depth=2, heads=3):
    """Patches of 2 x 2 pixels, transformer blocks, mean, logits."""
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(width, 2, 2, name="patches")(inputs)
    x = layers.Reshape((-1, width))(x)  # (batch, patches, width)
    x = Positions(name="positions")(x)
    for index in range(depth):
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(
            heads, width // heads, name=f"attention{index}"
        )(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(4 * width, "gelu", name=f"hidden{index}")(y)
        y = layers.Dense(width, name=f"output{index}")(y)
        x = layers.Add()([x, y])
    x = layers.LayerNormalization()(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x))


keras.utils.set_random_seed(0)
scans = tfdcu.data.open_source("digits", split="train")
teacher = vit()
teacher.compile(
    keras.optimizers.Adam(2e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
images = tfdcu.data.images_of(scans)
teacher.fit(images, scans.labels(), batch_size=64, epochs=40, verbose=2)
print("teacher:", tfdcu.evaluate(teacher, "digits", split="test"))

report = tfdcu.compress(
    teacher,
    "digits",
    "printed",
    test="digits",
    data={"labels_per_class": 5, "test_split": "test"},
    batches={"augment": "shift"},
    channels={"macs": 0.5},
    training={"epochs": 3},
    export={"formats": ("float32", "int8")},
    workdir="example/vit",
)
