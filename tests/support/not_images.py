"""Small classifiers of inputs that are no images, with data to learn from."""

import keras
import numpy as np
from keras import layers

CLASSES = 3


def table(num=90, seed=0):
    """(x, y): feature vectors (num, 6) with a blob for each class."""
    draw = np.random.default_rng(seed)
    y = np.arange(num) % CLASSES
    x = draw.normal(size=(num, 6)) + 4 * np.eye(6)[y] - 30
    return x.astype("float32"), y


def table_net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    x = layers.Normalization(mean=-30.0, variance=4.0)(inputs)
    x = layers.Dense(32, activation="relu")(x)
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def signals(num=90, length=24, seed=0):
    """(x, y): waves (num, length, 2), of a frequency for each class."""
    draw = np.random.default_rng(seed)
    y = np.arange(num) % CLASSES
    time = np.arange(length) / length * (1 + 2 * y)[:, None]
    phase = draw.random((num, 1))
    angle = 2 * np.pi * (time + phase)
    x = 20 * np.stack([np.sin(angle), np.cos(angle)], -1)
    return (x + draw.normal(size=x.shape)).astype("float32"), y


def signal_net(length=24):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((length, 2))
    x = layers.BatchNormalization(momentum=0.5)(inputs)
    for width in (16, 32):
        x = layers.Conv1D(width, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.5)(x)
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax")(x))


def tokens(num=90, seed=0):
    """(x, y): ids (num, 8) below 30, those of a class more often."""
    draw = np.random.default_rng(seed)
    y = np.arange(num) % CLASSES
    x = draw.integers(0, 30, (num, 8))
    own = draw.random((num, 8)) < 0.7
    return np.where(own, x // CLASSES * CLASSES + y[:, None], x), y


def token_net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), dtype="int32")
    x = layers.Embedding(30, 16)(inputs)
    x = layers.Dense(32, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def sounds(num=90, seed=0):
    """(x, y): samples (num, 1024) of a pitch for each class."""
    draw = np.random.default_rng(seed)
    y = np.arange(num) % CLASSES
    time = np.arange(1024) / 1024 * (40 + 100 * y)[:, None]
    x = np.sin(2 * np.pi * (time + draw.random((num, 1))))
    x += 0.1 * draw.normal(size=x.shape)
    return x.astype("float32"), y


def sound_net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1024,))
    x = layers.MelSpectrogram(
        num_mel_bins=16,
        fft_length=128,
        sequence_stride=64,
        sampling_rate=1024,
        max_freq=512,
        min_freq=10,
    )(inputs)  # (mel, time)
    x = layers.Permute((2, 1))(x)
    x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.Conv1D(32, 3, activation="relu")(x)
    x = layers.Conv1D(48, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


KINDS = {
    "table": (table, table_net),
    "signals": (signals, signal_net),
    "tokens": (tokens, token_net),
    "sounds": (sounds, sound_net),
}


def trained(kind, epochs=12):
    """(teacher, function to its data) of one of the `KINDS`."""
    data, build = KINDS[kind]
    teacher, (x, y) = build(), data(240)
    last = teacher.layers[-1].activation
    teacher.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=last is keras.activations.linear
        ),
    )
    teacher.fit(x, y, epochs=epochs, verbose=0)
    return teacher, data
