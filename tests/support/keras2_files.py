"""Writes `.h5` files of Keras 2: with each of its layers, and whole models.

    python -m tests.support.keras2_files FOLDER

saves, for each name, the model `NAME.h5`, and `NAME.npz` with its inputs
(`x0`, ...) and outputs (`y0`, ...); and `layers.json`, the names of all layers.
"""

import json
import os
import pathlib
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tf_keras as keras

layers = keras.layers
SEQUENCE, IMAGE, VOLUME = (6, 4), (6, 6, 4), (4, 4, 4, 2)
TOKENS = (5,)

# Layers of one input by the shape of the input.
PLAIN = {
    TOKENS: [
        layers.Dense(3, activation="hard_sigmoid", kernel_regularizer="l2"),
        layers.RepeatVector(3),
        layers.BatchNormalization(scale=False),
        layers.Activation("hard_sigmoid"),
        layers.ActivityRegularization(l1=0.1),
        layers.Normalization(mean=1.0, variance=2.0),
        layers.Discretization([0.0, 1.0]),
        layers.Masking(),
        layers.AlphaDropout(0.2),
        layers.GaussianDropout(0.2),
        layers.GaussianNoise(0.2),
        layers.Dropout(0.2, noise_shape=(None, 1)),
        layers.UnitNormalization(),
        layers.Identity(),
        layers.SpectralNormalization(layers.Dense(3)),
    ],
    SEQUENCE: [
        layers.Conv1D(3, 3, padding="causal", dilation_rate=2),
        layers.Conv1DTranspose(3, 2, strides=2),
        layers.DepthwiseConv1D(3, depth_multiplier=2),
        layers.SeparableConv1D(3, 2),
        layers.AveragePooling1D(),
        layers.MaxPooling1D(),
        layers.GlobalAveragePooling1D(keepdims=True),
        layers.GlobalMaxPooling1D(),
        layers.UpSampling1D(),
        layers.ZeroPadding1D(),
        layers.Cropping1D(),
        layers.SpatialDropout1D(0.2),
        layers.Permute((2, 1)),
        layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d"),
        layers.LSTM(3, return_sequences=True, unroll=True),
        layers.LSTM(3, recurrent_activation="hard_sigmoid"),
        layers.GRU(3, go_backwards=True),
        layers.GRU(3, reset_after=False, implementation=1),
        layers.SimpleRNN(3, dropout=0.2),
        layers.RNN(layers.LSTMCell(3)),
        layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(2)]),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.Bidirectional(layers.GRU(3), merge_mode="ave"),
        layers.Bidirectional(
            layers.LSTM(3), backward_layer=layers.LSTM(3, go_backwards=True)
        ),
        layers.TimeDistributed(layers.Dense(3)),
        layers.TimeDistributed(layers.BatchNormalization()),
        layers.TimeDistributed(
            keras.Sequential([layers.Dense(3), layers.BatchNormalization()])
        ),
    ],
    IMAGE: [
        layers.ConvLSTM1D(3, 2),
        layers.Conv2D(4, 3, groups=2, bias_constraint="non_neg"),
        layers.Conv2DTranspose(3, 3, strides=2, output_padding=1),
        layers.DepthwiseConv2D(3, strides=2),
        layers.SeparableConv2D(3, 3, depth_multiplier=2, activation="swish"),
        layers.AveragePooling2D(padding="same", strides=1),
        layers.MaxPooling2D(3),
        layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling2D(keepdims=True),
        layers.UpSampling2D(interpolation="bilinear"),
        layers.ZeroPadding2D(((1, 0), (0, 2))),
        layers.Cropping2D(1),
        layers.SpatialDropout2D(0.2),
        layers.BatchNormalization(axis=[3]),
        layers.LayerNormalization(axis=[2, 3]),
        layers.GroupNormalization(2),
        layers.Normalization(),
        layers.Rescaling(1 / 255, offset=-1.0),
        layers.Resizing(4, 5),
        layers.CenterCrop(4, 4),
        layers.RandomBrightness(0.2),
        layers.RandomContrast(0.2),
        layers.RandomCrop(6, 6),
        layers.RandomFlip("horizontal"),
        layers.RandomHeight(0.2),
        layers.RandomRotation(0.2),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomWidth(0.2),
        layers.RandomZoom(0.2),
        layers.Flatten(),
        layers.Reshape((-1, 4)),
        layers.ELU(0.5),
        layers.LeakyReLU(alpha=0.2),
        layers.PReLU(shared_axes=[1, 2]),
        layers.ReLU(6.0, negative_slope=0.1, threshold=0.2),
        layers.Softmax(axis=[1, 2]),
        layers.ThresholdedReLU(0.3),
        layers.SpectralNormalization(layers.Conv2D(3, 3)),
        layers.TimeDistributed(layers.Conv1D(3, 2)),
        layers.TimeDistributed(layers.LSTM(3)),
        *(
            layers.Activation(name)
            for name in (
                "elu exponential gelu linear mish relu relu6 selu sigmoid "
                "softmax softplus softsign swish tanh"
            ).split()
        ),
        layers.Conv2D(3, 1, activation=tf.nn.relu),
        layers.Conv2D(3, 1, activation=tf.nn.softmax),
        layers.Conv2D(3, 1, activation=tf.nn.swish),
        layers.Conv2D(3, 1, activation=tf.nn.leaky_relu),
        layers.Conv2D(3, 1, activation=layers.LeakyReLU(0.1)),
    ],
    VOLUME: [
        layers.Conv3D(3, 2),
        layers.Conv3DTranspose(3, 2),
        layers.AveragePooling3D(),
        layers.MaxPooling3D(),
        layers.GlobalAveragePooling3D(),
        layers.GlobalMaxPooling3D(),
        layers.UpSampling3D(),
        layers.ZeroPadding3D(),
        layers.Cropping3D(),
        layers.SpatialDropout3D(0.2),
        layers.ConvLSTM2D(3, 2, return_sequences=True),
        layers.TimeDistributed(layers.DepthwiseConv2D(3)),
    ],
    (2, *VOLUME): [layers.ConvLSTM3D(2, 2)],
}
# Layers of two inputs (6, 4).
OF_TWO = [
    layers.Add(),
    layers.AdditiveAttention(),
    layers.Attention(use_scale=True),
    layers.Attention(score_mode="concat"),
    layers.Average(),
    layers.Concatenate(axis=1),
    layers.Dot((2, 2), normalize=True),
    layers.Maximum(),
    layers.Minimum(),
    layers.Multiply(),
    layers.Subtract(),
]


def cases():
    """Name and model of each case."""
    for shape, made in PLAIN.items():
        inputs = keras.Input(shape)
        outputs = [layer(inputs) for layer in made]
        yield f"of_{len(shape)}_axes", keras.Model(inputs, outputs)
    inputs = [keras.Input(SEQUENCE), keras.Input(SEQUENCE)]
    yield "of_two", keras.Model(inputs, [layer(inputs) for layer in OF_TWO])
    for function in (
        *(tokens, attention, states, shared, nested, in_sequential),
        *(twice, frozen, without_input, several, operations, mixed),
        classifier,
    ):
        yield function.__name__, function()


def tokens():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True, input_length=5)(inputs)
    x = layers.LSTM(3, return_sequences=True)(x)
    return keras.Model(inputs, layers.Bidirectional(layers.GRU(2))(x))


def attention():
    inputs, other = keras.Input(SEQUENCE), keras.Input(SEQUENCE)
    x = layers.MultiHeadAttention(2, 3, value_dim=2)(inputs, other)
    return keras.Model([inputs, other], layers.LayerNormalization()(x))


def states():
    inputs, other = keras.Input(SEQUENCE), keras.Input(SEQUENCE)
    _, *memory = layers.LSTM(3, return_state=True)(inputs)
    x = layers.LSTM(3, return_sequences=True)(other, initial_state=memory)
    return keras.Model([inputs, other], x)


def shared():
    inputs = keras.Input(IMAGE)
    conv, norm = (
        layers.Conv2D(4, 3, padding="same"),
        layers.BatchNormalization(),
    )
    return keras.Model(inputs, layers.add([norm(conv(conv(inputs))), inputs]))


def block(width, **options):
    return keras.Sequential(
        [
            layers.Conv2D(width, 3, padding="same", use_bias=False, **options),
            layers.BatchNormalization(),
            layers.ReLU(6.0),
        ]
    )


def nested():
    """Functional and sequential models in a functional one."""
    tensor = keras.Input(IMAGE)
    inner = keras.Model(
        tensor, layers.add([tensor, block(4)(block(4)(tensor))]), name="inner"
    )
    inputs = keras.Input(IMAGE)
    x = block(5, strides=2)(inner(inputs))
    return keras.Model(inputs, layers.Flatten()(x))


def in_sequential():
    """Models in a sequential one, which in turn is inside another."""
    tensor = keras.Input(IMAGE)
    inner = keras.Model(tensor, layers.SeparableConv2D(4, 3)(tensor))
    stack = keras.Sequential([keras.Input(IMAGE), block(4), inner])
    model = keras.Sequential(
        [stack, layers.ThresholdedReLU(0.1), layers.Flatten(), layers.Dense(3)]
    )
    model.build((None, *IMAGE))
    return model


def twice():
    inputs, model = keras.Input(IMAGE), block(4)
    return keras.Model(inputs, layers.multiply([model(inputs), model(-inputs)]))


def frozen():
    """A frozen normalization between others changes the order of weights."""
    inner = block(4)
    inner.layers[1].trainable = False
    after = layers.BatchNormalization(trainable=False)
    return keras.Sequential([keras.Input(IMAGE), inner, block(3), after])


def without_input():
    model = keras.Sequential([layers.Dense(3), layers.BatchNormalization()])
    model(np.zeros((1, 5)))
    return model


def several():
    inputs = {
        "a": keras.Input((4,), name="a"),
        "b": keras.Input((4,), name="b"),
    }
    x = layers.Concatenate()([inputs["a"], inputs["b"]])
    return keras.Model(list(inputs.values()), [layers.Dense(2)(x), x])


def operations():
    """Every operation that is translated, and constants on either side."""
    inputs = keras.Input(IMAGE)
    x = 1.0 - (inputs / 127.5 - 1.0)
    x = tf.concat([x, 2.0 * x, tf.abs(x), tf.square(-x)], axis=-1)
    x = x[..., 1:5] + x[:, :, :, :4]
    x = x * x[:, 0:1] + x[:, tf.newaxis, 2]
    x = tf.nn.relu(x) + tf.nn.relu6(x) - tf.nn.elu(x) + tf.nn.silu(x)
    x = tf.maximum(x, tf.minimum(tf.nn.leaky_relu(x, alpha=0.3), 0.5))
    x = tf.sigmoid(x) + tf.tanh(x) + tf.exp(x) + tf.nn.gelu(x)
    x = tf.sqrt(tf.clip_by_value(x, 0.1, 3.0)) ** 2.0
    x = x + tf.math.log(x) + tf.math.softplus(x) + tf.math.rsqrt(x)
    x = tf.transpose(x, (0, 3, 1, 2)) * tf.ones_like(x[:, :4, :, :1])
    x = tf.cast(tf.reshape(x, (-1, 36, 4)), "float32")
    x = tf.nn.softmax(tf.matmul(x, x, transpose_b=True), axis=-1)
    y = tf.reduce_mean(x, axis=1) + tf.reduce_max(x, axis=[1])
    y = y - tf.reduce_sum(x, axis=1) + tf.math.reduce_std(x, axis=1)
    y = tf.squeeze(tf.expand_dims(y, axis=1), axis=1)
    y = tf.stack([y, tf.reduce_min(x, axis=-1)], axis=1)
    return keras.Model(inputs, layers.Dense(3)(y[:, 0]))


def mixed():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    inputs = keras.Input(IMAGE)
    x = layers.Flatten()(layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, layers.Dense(3, dtype="float32")(x))
    keras.mixed_precision.set_global_policy("float32")
    return model


def classifier():
    """With the old default of an LSTM, and a softmax."""
    inputs = keras.Input((8, 8, 1))
    stack = [layers.SeparableConv2D(6, 3), layers.ReLU(6.0)]
    x = layers.Reshape((6, 36))(keras.Sequential(stack)(inputs) * 2.0)
    x = layers.LSTM(5, recurrent_activation="hard_sigmoid", name="a/b")(x)
    # Names that Keras 3 may choose for the product above.
    x = layers.multiply([x, layers.Dense(5, name="multiply_1")(x)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def closed():
    """Name and model of each case that no layer of Keras 3 computes."""
    inputs = keras.Input(IMAGE)
    yield "local", keras.Model(inputs, layers.LocallyConnected2D(2, 3)(inputs))
    yield "lambda", keras.Model(inputs, layers.Lambda(lambda x: x)(inputs))
    yield "roll", keras.Model(inputs, tf.roll(inputs, 1, axis=1))
    sequence = keras.Input(SEQUENCE)
    recurrent = layers.LSTM(3, time_major=True)
    yield "time", keras.Model(sequence, recurrent(sequence))
    norm = layers.BatchNormalization(axis=[1, 2])
    yield "axes", keras.Model(inputs, norm(inputs))


def shake(model, generator):
    """Gives every weight its own value."""
    for weight in model.weights:
        if weight.dtype.is_floating:
            low = 0.05 if "variance" in weight.name else -0.5
            weight.assign(generator.uniform(low, 0.6, weight.shape))


def write(folder):
    generator = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    for name, model in cases():
        shake(model, generator)
        for layer in model.layers:
            if isinstance(layer, layers.Normalization):
                # It computes with numbers that are made from its weights.
                layer.finalize_state()
        inputs = [
            generator.integers(0, 4, (2, *x.shape[1:]))
            if x.dtype == "int32"
            else generator.normal(size=(2, *x.shape[1:])).astype("float32")
            for x in model.inputs
        ]
        given = inputs if len(inputs) > 1 else inputs[0]
        outputs = model(given, training=False)
        outputs = tf.nest.flatten(outputs)
        saved = {f"x{i}": x for i, x in enumerate(inputs)}
        saved |= {f"y{i}": np.asarray(y) for i, y in enumerate(outputs)}
        np.savez(f"{folder}/{name}.npz", **saved)
        model.save(f"{folder}/{name}.h5", include_optimizer=False)
    nested().save(f"{folder}/nested.keras")
    kinds = [kind for kind in vars(layers).values() if isinstance(kind, type)]
    names = {k.__name__ for k in kinds if issubclass(k, layers.Layer)}
    pathlib.Path(folder, "layers.json").write_text(json.dumps(sorted(names)))
    for name, model in closed():
        model.save(f"{folder}/closed_{name}.h5")


if __name__ == "__main__":
    write(sys.argv[1])
