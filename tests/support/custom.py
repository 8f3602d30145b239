"""Custom layers and subclassed models, as people write them."""

import keras
import tensorflow as tf
from keras import layers
from keras import ops


class ResBlock(layers.Layer):
    """Layers inside a layer, no `get_config`."""

    def __init__(self, filters):
        super().__init__(name="block")
        self.first = layers.Conv2D(filters, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.second = layers.Conv2D(filters, 3, padding="same")

    def call(self, x, training=None):
        y = ops.relu(self.norm(self.first(x), training=training))
        return ops.relu(x + self.second(y))


class Gate(layers.Layer):
    """Squeeze and excitation; layers made in `build`."""

    def build(self, shape):
        self.down = layers.Dense(4, activation="relu", dtype=self.dtype_policy)
        self.up = layers.Dense(
            shape[-1], activation="sigmoid", dtype=self.dtype_policy
        )
        self.down.build((None, shape[-1]))
        self.up.build((None, 4))

    def call(self, x):
        gate = self.up(self.down(ops.mean(x, (1, 2))))
        return x * gate[:, None, None, :]


class StandardizedConv(layers.Conv2D):
    """Weight standardization: the kernel is computed from the weight."""

    def convolution_op(self, x, kernel):
        mean, variance = ops.moments(kernel, [0, 1, 2], keepdims=True)
        kernel = (kernel - mean) / ops.sqrt(variance + 1e-6)
        return super().convolution_op(x, kernel)


class DropPath(layers.Layer):
    """Stochastic depth: control flow on `training`, a seed of its own."""

    def __init__(self, rate=0.5, **options):
        super().__init__(**options)
        self.rate, self.seed = rate, keras.random.SeedGenerator(3)

    def call(self, x, training=None):
        if not training:
            return x
        shape = (ops.shape(x)[0], 1, 1)
        drawn = keras.random.uniform(shape, seed=self.seed)
        return x * ops.floor(1 - self.rate + drawn) / (1 - self.rate)


class Encoder(layers.Layer):
    """A transformer block with layer scale, custom layers inside."""

    def __init__(self, width, heads, **options):
        super().__init__(**options)
        self.norms = [layers.LayerNormalization() for _ in range(2)]
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.wide = layers.Dense(4 * width, activation="gelu")
        self.narrow = layers.Dense(width)
        self.drop = DropPath()
        self.width = width

    def build(self, shape):
        self.scales = [
            self.add_weight(shape=(self.width,), initializer="ones", name=name)
            for name in ("scale_0", "scale_1")
        ]
        for norm in self.norms:
            norm.build(shape)
        self.attention.build(shape, shape)
        self.wide.build(shape)
        self.narrow.build((*shape[:-1], 4 * self.width))

    def call(self, x, training=None):
        y = self.norms[0](x)
        y = self.attention(y, y, training=training)
        x = x + self.scales[0] * self.drop(y, training=training)
        y = self.narrow(self.wide(self.norms[1](x)))
        return x + self.drop(y, training=training) * self.scales[1]


class ViT(keras.Model):
    """A subclassed vision transformer with a class token."""

    def __init__(self, classes=5, width=16, depth=2, **options):
        super().__init__(**options)
        self.patches = layers.Conv2D(width, 4, 4)
        self.blocks = [Encoder(width, 2, name=f"b{i}") for i in range(depth)]
        self.norm, self.head = (
            layers.LayerNormalization(),
            layers.Dense(classes),
        )
        self.width = width

    def build(self, shape):
        self.patches.build(shape)
        count = (shape[1] // 4) * (shape[2] // 4)
        self.token = self.add_weight(shape=(1, 1, self.width), name="token")
        self.places = self.add_weight(
            shape=(1, count + 1, self.width), name="places"
        )
        for part in (*self.blocks, self.norm):
            part.build((None, count + 1, self.width))
        self.head.build((None, self.width))

    def call(self, images, training=None):
        batch = ops.shape(images)[0]
        x = ops.reshape(self.patches(images), (batch, -1, self.width))
        token = ops.broadcast_to(self.token, (batch, 1, self.width))
        x = ops.concatenate([token, x], axis=1) + self.places
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(self.norm(x)[:, 0])


class Raw(layers.Layer):
    """TensorFlow's own operations, which symbolic tensors do not pass."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 6))

    def call(self, x):
        return tf.nn.conv2d(x, self.kernel.value, 1, "SAME")


class Loop(layers.Layer):
    """A loop of which nobody knows how often it runs."""

    def call(self, x):
        return tf.while_loop(
            lambda y: tf.reduce_sum(y) < 1e3,
            lambda y: (tf.matmul(y, tf.ones((y.shape[-1],) * 2)),),
            (x,),
        )[0]


def around(*middle, size=16):
    """A small convolutional classifier with these layers in its middle."""
    inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(16, 3, 2, padding="same", name="before")(inputs)
    for layer in middle:
        x = layer(x)
    x = layers.Conv2D(12, 3, activation="relu", name="after")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4, name="logits")(x))


def vit(**options):
    """A built `ViT` for images of (16, 16, 3)."""
    model = ViT(**options)
    model.build((None, 16, 16, 3))
    # The shape of its inputs is remembered by the first call.
    model(ops.zeros((2, 16, 16, 3)))
    return model


class Relative(layers.Layer):
    """Scores against nine places, which are a product of weights alone."""

    def __init__(self, closed=False, **options):
        super().__init__(**options)
        self.closed = closed

    def build(self, shape):
        self.table = self.add_weight((9, 5), "random_normal", name="table")
        self.kernel = self.add_weight(
            (5, shape[-1]), "random_normal", name="kernel"
        )

    def call(self, x):
        if self.closed:
            places = tf.matmul(self.table.value, self.kernel.value)
            return tf.matmul(x, places, transpose_b=True)
        places = ops.matmul(self.table, self.kernel)
        return ops.matmul(x, ops.transpose(places))
