"""Random graphs, pruned at random, equal their masked originals."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers
from keras import ops

from tests.pruning.rules.test_rules import check
from tests.pruning.rules.test_rules import shaken

WIDTHS = 4, 6, 8


class Grower:
    """Grows a graph; every choice is drawn from a seeded generator."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.shared = {}
        self.nested = 0

    def pick(self, options):
        return options[self.random.integers(len(options))]

    def width(self):
        return int(self.pick(WIDTHS))

    def model(self):
        size = 4
        inputs = [keras.Input((size, size, self.width()))]
        if self.random.random() < 0.2:
            inputs.append(keras.Input((size, size, 4)))
        tensors = list(inputs)
        for _ in range(self.random.integers(4, 10)):
            made = self.grow(tensors)
            tensors += made if isinstance(made, list) else [made]
        last = tensors[-1]
        if self.random.random() < 0.5:
            last = layers.Concatenate()([last, self.pick(tensors)])
        head = self.pick([layers.Flatten, layers.GlobalAveragePooling2D])
        outputs = [layers.Dense(3)(head()(last))]
        if self.random.random() < 0.2:
            outputs.append(layers.Conv2D(2, 1)(self.pick(tensors)))
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)

    def grow(self, tensors):
        x = self.pick(tensors[-4:])
        step = self.pick(
            [
                self.conv,
                self.conv,
                self.conv,
                self.norm,
                self.activation,
                self.residual,
                self.residual,
                self.concat,
                self.concat,
                self.depthwise,
                self.grouped,
                self.squeeze_excite,
                self.again,
                self.inside,
                self.split,
                self.arithmetic,
                self.shuffle,
                self.tokens,
                self.recurrent,
                self.transposed,
            ]
        )
        return step(x, tensors)

    def conv(self, x, tensors):
        kind = self.pick([layers.Conv2D, layers.SeparableConv2D])
        return kind(self.width(), int(self.pick([1, 3])), padding="same")(x)

    def norm(self, x, tensors):
        channels = x.shape[-1]
        groups = [n for n in (1, 2, channels) if channels % n == 0]
        return self.pick(
            [
                layers.BatchNormalization(),
                layers.LayerNormalization(),
                layers.GroupNormalization(self.pick(groups)),
                layers.RMSNormalization(),
            ]
        )(x)

    def activation(self, x, tensors):
        return self.pick(
            [
                layers.ReLU(),
                layers.Activation("gelu"),
                layers.PReLU(shared_axes=[1, 2]),
                layers.UnitNormalization(),
                layers.Dropout(0.1),
            ]
        )(x)

    def partner(self, x, tensors):
        """A tensor with as many channels as `x`, created if there is none."""
        same = [t for t in tensors if t.shape[-1] == x.shape[-1]]
        if same and self.random.random() < 0.6:
            return self.pick(same)
        return layers.Conv2D(x.shape[-1], 1)(self.pick(tensors))

    def residual(self, x, tensors):
        kind = self.pick(
            [layers.Add, layers.Multiply, layers.Maximum, layers.Average]
        )
        return kind()([x, self.partner(x, tensors)])

    def concat(self, x, tensors):
        several = [x, self.pick(tensors)]
        if self.random.random() < 0.3:
            several.append(self.pick(tensors))
        if sum(t.shape[-1] for t in several) > 24:
            return self.conv(x, tensors)
        return layers.Concatenate()(several)

    def depthwise(self, x, tensors):
        multiplier = int(self.pick([1, 2])) if x.shape[-1] <= 12 else 1
        return layers.DepthwiseConv2D(
            3, padding="same", depth_multiplier=multiplier
        )(x)

    def grouped(self, x, tensors):
        groups = [n for n in (2, 3, 4, x.shape[-1]) if x.shape[-1] % n == 0]
        if not groups:
            return self.conv(x, tensors)
        count = int(self.pick(groups))
        return layers.Conv2D(
            count * int(self.pick([1, 2])), 3, padding="same", groups=count
        )(x)

    def squeeze_excite(self, x, tensors):
        s = layers.GlobalAveragePooling2D(keepdims=True)(x)
        s = layers.Conv2D(self.width(), 1, activation="relu")(s)
        s = layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(s)
        return layers.Multiply()([x, s])

    def again(self, x, tensors):
        """A layer that is shared with other calls of its width."""
        key = x.shape[-1]
        if key not in self.shared:
            self.shared[key] = self.pick(
                [
                    layers.Conv2D(key, 3, padding="same"),
                    layers.Conv2D(self.width(), 1),
                    layers.BatchNormalization(),
                ]
            )
        return self.shared[key](x)

    def inside(self, x, tensors):
        """A nested model, called once or twice."""
        tensor = keras.Input(x.shape[1:])
        inner = Grower(self.random.integers(2**31))
        inner.inside = inner.conv
        y = inner.grow([tensor, inner.grow([tensor])][:1])
        y = y[0] if isinstance(y, list) else y
        y = layers.Conv2D(x.shape[-1], 1)(y)
        model = keras.Model(tensor, y)
        if self.random.random() < 0.3:
            model = keras.Sequential([layers.ReLU(), model])
        x = model(x)
        return model(x) if self.random.random() < 0.5 else x

    def split(self, x, tensors):
        if x.shape[-1] % 2:
            return self.conv(x, tensors)
        if self.random.random() < 0.5:
            return ops.split(x, 2, axis=-1)
        return [x[..., : x.shape[-1] // 2], x[..., 1:]]

    def arithmetic(self, x, tensors):
        y = self.partner(x, tensors)
        vector = np.linspace(0.5, 1.5, x.shape[-1], dtype="float32")
        return self.pick(
            [
                lambda: ops.maximum(x, 0.5 * y),
                lambda: ops.tanh(x) * vector - y,
                lambda: ops.where(x > 0, x, y),
                lambda: ops.mean(x, axis=(1, 2), keepdims=True) * y,
                lambda: ops.softmax(x, axis=1) + y,
            ]
        )()

    def shuffle(self, x, tensors):
        channels = x.shape[-1]
        if channels % 2:
            return self.conv(x, tensors)
        y = layers.Reshape((4, 4, 2, channels // 2))(x)
        return layers.Reshape((4, 4, channels))(layers.Permute((1, 2, 4, 3))(y))

    def tokens(self, x, tensors):
        y = ops.reshape(x, (-1, 16, x.shape[-1]))
        kind = self.pick(["mha", "gqa", "dense", "hand"])
        if kind == "mha":
            y = layers.MultiHeadAttention(2, 3, value_dim=4)(y, y)
        elif kind == "gqa":
            y = layers.GroupQueryAttention(3, 4, 2)(y, y)
        elif kind == "dense":
            y = layers.EinsumDense("btc,cd->btd", (16, 6), bias_axes="d")(y)
        else:
            q, k = layers.Dense(6)(y), layers.Dense(6)(y)
            scores = ops.softmax(ops.einsum("bic,bjc->bij", q, k))
            y = ops.matmul(scores, y)
        return ops.reshape(y, (-1, 4, 4, y.shape[-1]))

    def recurrent(self, x, tensors):
        """Rows as steps, perhaps with the states of another layer."""
        y = ops.reshape(x, (-1, 4, 4 * x.shape[-1]))
        kind = self.pick([layers.LSTM, layers.GRU, layers.SimpleRNN])
        form = self.pick(["plain", "both", "states", "stack", "conv"])
        if form == "conv":
            y = layers.Reshape((4, 4, 1, x.shape[-1]))(x)
            y = layers.ConvLSTM2D(4, 1, return_sequences=True)(y)
            return layers.Reshape((4, 4, 4))(y)
        if form == "stack":
            cells = [layers.GRUCell(self.width()), layers.LSTMCell(8)]
            y = layers.RNN(cells, return_sequences=True)(y)
        elif form == "states":
            _, *states = kind(8, return_state=True)(y)
            y = kind(8, return_sequences=True)(y, initial_state=states)
        elif form == "both":
            mode = self.pick(["concat", "sum", "mul", "ave"])
            inner = kind(8, return_sequences=True)
            y = layers.Bidirectional(inner, merge_mode=mode)(y)
        else:
            y = kind(8, return_sequences=True)(y)
        y = layers.TimeDistributed(layers.Dense(4 * self.width()))(y)
        return ops.reshape(y, (-1, 4, 4, y.shape[-1] // 4))

    def transposed(self, x, tensors):
        y = layers.Conv2DTranspose(self.width(), 2, 2)(x)
        return self.pick([layers.MaxPooling2D, layers.AveragePooling2D])(2)(y)


def _check(seed):
    keras.utils.set_random_seed(seed % 2**31)
    model = Grower(seed).model()
    check(shaken(model, seed), seed, at_least_one=False, tolerance=1e-4)


_SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}


@settings(max_examples=50, **_SETTINGS)
@given(st.integers(0, 2**32))
def test_random_graphs(seed):
    _check(seed)


@pytest.mark.slow
@settings(max_examples=3000, **_SETTINGS)
@given(st.integers(2**32, 2**40))
def test_thousands_of_random_graphs(seed):
    _check(seed)
