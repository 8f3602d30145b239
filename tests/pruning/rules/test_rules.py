"""Every rule: a randomly pruned model equals its masked original."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from tests.support import tiny
from tfdcu.graph.macs import total_macs
from tfdcu.pruning.cost import macs_cost
from tfdcu.pruning.cost import params_cost
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.masked import difference
from tfdcu.pruning.masked import masked
from tfdcu.pruning.rebuild import rebuild

NETS = {}


def net(function):
    NETS[function.__name__] = function
    return function


def shaken(model, seed=0):
    """The model with random noise added to every vector weight."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        value = weight.numpy()
        if value.ndim == 1 and value.dtype == "float32":
            weight.assign(value + generator.uniform(0.05, 0.5, value.shape))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def check(model, seed=0, share=0.6, at_least_one=True, tolerance=1e-5):
    """Prunes at random and compares; returns groups and kept units."""
    groups = Groups(model)
    generator = np.random.default_rng(seed)
    kept = (generator.random(groups.num_units) < share) | groups.fixed
    for labels in groups.every_axis():
        units = groups.unit[labels]
        if len(units) and not kept[units].any():
            kept[units[0]] = True
    if at_least_one and kept.all():
        kept[np.flatnonzero(~groups.fixed)[:1]] = False
    for labels in groups.every_axis():
        kept[groups.unit[labels][:1]] |= not kept[groups.unit[labels]].any()
    if at_least_one:
        assert not kept.all(), "nothing could be removed"
    before = tiny.weights(model)
    smaller = rebuild(groups, kept)
    inputs = [
        generator.integers(0, 5, [3] + [n or 6 for n in t.shape[1:]])
        if t.dtype.startswith("int")
        else generator.normal(size=[3] + [n or 6 for n in t.shape[1:]])
        for t in model.inputs
    ]
    inputs = [x.astype(t.dtype) for x, t in zip(inputs, model.inputs)]
    given = inputs if len(inputs) > 1 else inputs[0]
    assert difference(smaller, masked(groups, kept), given) < tolerance
    everything = np.ones_like(kept)
    same = masked(groups, everything)
    assert difference(model, same, given) < tolerance
    tiny.assert_same_weights(before, tiny.weights(model))
    assert macs_cost(groups)(kept) == total_macs(smaller)
    assert params_cost(groups)(kept) == smaller.count_params()
    return groups, kept, smaller


def ends(x, units=3):
    """Global pooling if there are spatial axes, then logits."""
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    return layers.Dense(units, name="logits")(x)


def image(channels=4, size=6, filters=8):
    inputs = keras.Input((size, size, channels))
    return inputs, layers.Conv2D(filters, 3, padding="same", name="first")(
        inputs
    )


@net
def convolutions_1d():
    inputs = keras.Input((12, 3))
    x = layers.Conv1D(8, 3, padding="causal")(inputs)
    x = layers.DepthwiseConv1D(3, depth_multiplier=2)(x)
    x = layers.SeparableConv1D(6, 3, depth_multiplier=2)(x)
    x = layers.Conv1DTranspose(5, 2)(x)
    return keras.Model(inputs, ends(layers.MaxPooling1D()(x)))


@net
def convolutions_2d():
    inputs, x = image()
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(x)
    x = layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=3)(x)
    x = layers.Conv2DTranspose(5, 2, 2)(x)
    return keras.Model(inputs, ends(layers.AveragePooling2D(2)(x)))


@net
def convolutions_3d():
    inputs = keras.Input((4, 4, 4, 2))
    x = layers.Conv3D(6, 3, padding="same")(inputs)
    x = layers.Conv3DTranspose(5, 2)(x)
    x = layers.GlobalMaxPooling3D(keepdims=True)(layers.Conv3D(7, 2)(x))
    return keras.Model(inputs, ends(x))


@net
def many_groups():
    inputs, x = image(filters=12)
    x = layers.Conv2D(24, 3, groups=6)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(8, 3, groups=8)(x)
    return keras.Model(inputs, ends(x))


@net
def few_groups():
    inputs, x = image(filters=16)
    x = layers.Conv2D(12, 3, groups=2, activation="relu")(x)
    x = layers.Conv2D(8, 3, groups=2)(x)
    return keras.Model(inputs, ends(x))


@net
def groups_on_the_input():
    inputs = keras.Input((6, 6, 4))
    x = layers.Conv2D(12, 3, groups=2)(inputs)
    return keras.Model(inputs, ends(layers.GlobalAveragePooling2D()(x)))


@net
def norms():
    inputs, x = image(filters=16)
    x = layers.LayerNormalization()(x)
    x = layers.Conv2D(16, 1)(x)
    x = layers.GroupNormalization(2)(x)
    x = layers.Conv2D(16, 1)(x)
    x = layers.GroupNormalization(8)(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.GroupNormalization(-1)(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.UnitNormalization()(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.RMSNormalization()(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.PReLU()(layers.Conv2D(8, 1)(x))
    x = layers.BatchNormalization(scale=False, center=False)(x)
    return keras.Model(inputs, ends(x))


@net
def norms_along_other_axes():
    inputs = keras.Input((6, 5))
    x = layers.Dense(16)(inputs)
    x = layers.GroupNormalization(3, axis=1)(x)
    return keras.Model(inputs, ends(layers.Dense(4)(x)))


@net
def squeeze_excite():
    inputs, x = image()
    x = layers.BatchNormalization()(x)
    s = layers.GlobalAveragePooling2D()(x)
    s = layers.Reshape((1, 1, 8))(s)
    s = layers.Conv2D(4, 1, activation="relu")(s)
    s = layers.Conv2D(8, 1, activation="sigmoid")(s)
    x = layers.Multiply()([x, s])
    return keras.Model(inputs, ends(layers.Conv2D(6, 3)(x)))


@net
def spatial_gate():
    inputs, x = image()
    gate = layers.Conv2D(1, 1, activation="sigmoid")(x)
    return keras.Model(inputs, ends(layers.Conv2D(6, 3)(x * gate)))


@net
def merges():
    inputs, x = image()
    branches = [layers.Conv2D(8, 1)(x) for _ in range(6)]
    a, b, c, d, e, f = branches
    y = layers.Add()([a, layers.Subtract()([b, c])])
    z = layers.Maximum()([d, layers.Minimum()([e, f])])
    both = layers.Average()([y, layers.Conv2D(8, 1)(z)])
    return keras.Model(inputs, ends(layers.Multiply()([both, x])))


@net
def concatenations():
    inputs, x = image()
    a, b = layers.Conv2D(5, 1)(x), layers.Conv2D(7, 1)(x)
    both = layers.Concatenate()([a, layers.Concatenate()([inputs, b, a])])
    both = layers.BatchNormalization()(both)
    tall = layers.Concatenate(axis=1)([x, layers.Conv2D(8, 1)(both)])
    c = layers.Conv2D(21, 1)(tall)
    wide = layers.Concatenate(axis=1)([both, both])
    return keras.Model(inputs, ends(layers.Add()([c, wide])))


@net
def shapes():
    inputs, x = image(size=4)
    x = layers.Permute((3, 1, 2))(x)
    x = layers.Reshape((8, 16))(x)
    x = layers.Permute((2, 1))(x)
    x = layers.Dense(12)(x)
    x = layers.Reshape((4, 4, 12))(x)
    x = layers.Conv2D(6, 3)(x)
    x = layers.Reshape((-1, 6))(x)
    x = layers.Flatten()(layers.Conv1D(5, 2)(x))
    x = layers.RepeatVector(3)(layers.Dense(7)(x))
    return keras.Model(inputs, ends(x))


@net
def channel_shuffle():
    inputs, x = image(filters=12, size=4)
    x = layers.Reshape((4, 4, 3, 4))(x)
    x = layers.Permute((1, 2, 4, 3))(x)
    x = layers.Reshape((4, 4, 12))(x)
    return keras.Model(inputs, ends(layers.Conv2D(4, 1)(x)))


@net
def channels_first_shapes():
    inputs = keras.Input((4, 6, 6))
    x = layers.Permute((2, 3, 1))(inputs)
    x = layers.Permute((3, 1, 2))(layers.Conv2D(8, 3)(x))
    x = layers.BatchNormalization(axis=1)(x)
    x = layers.LayerNormalization(axis=1)(x)
    x = layers.ZeroPadding2D(data_format="channels_first")(x)
    x = layers.UpSampling2D(data_format="channels_first")(x)
    x = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    return keras.Model(inputs, ends(x))


@net
def channels_first_convolutions():
    first = {"data_format": "channels_first"}
    # Keras 3.15 adds the bias along the wrong axis where an image is as wide
    # as it has channels, so this one is wider than any count of channels.
    inputs = keras.Input((4, 15, 15))
    x = layers.Conv2D(8, 3, activation="relu", **first)(inputs)
    x = layers.GroupNormalization(2, axis=1)(x)
    x = layers.Conv2D(6, 2, **first)(layers.PReLU(shared_axes=[2, 3])(x))
    x = layers.Softmax(axis=-1)(x)
    return keras.Model(inputs, ends(layers.Flatten(**first)(x)))


@net
def space():
    inputs, x = image()
    x = layers.ZeroPadding2D(1)(layers.Cropping2D(1)(x))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Resizing(6, 6)(x)
    x = layers.Rescaling(0.5, offset=1.0)(x)
    x = layers.SpatialDropout2D(0.2)(layers.GaussianNoise(0.1)(x))
    x = layers.LeakyReLU()(layers.ELU()(layers.ReLU(6.0)(x)))
    x = layers.Activation("gelu")(layers.Dropout(0.1)(x))
    x = layers.Conv2D(7, 3, activation="silu")(x)
    return keras.Model(inputs, ends(layers.MaxPooling2D()(x)))


@net
def softmax_over_space_and_channels():
    inputs, x = image()
    x = layers.Softmax(axis=[1, 2])(x)
    y = layers.Softmax()(layers.Conv2D(5, 1)(x))
    return keras.Model(inputs, ends(y))


@net
def softmax_with_masks():
    inputs = keras.Input((5, 6))
    x = layers.Dense(8)(inputs)
    mask = layers.Dense(8)(inputs) > 0
    x = layers.Softmax(axis=1)(x, mask=mask)
    fixed = np.arange(40).reshape(1, 5, 8) % 3 > 0
    x = layers.Softmax(axis=1)(x, fixed)
    return keras.Model(inputs, ends(layers.Dense(4)(x)))


@net
def attention():
    inputs = keras.Input((5, 6))
    x = layers.Dense(8)(inputs)
    y = layers.MultiHeadAttention(4, 6, value_dim=5)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.MultiHeadAttention(2, 4, output_shape=7, use_bias=False)(
        x, inputs
    )
    return keras.Model(inputs, ends(x))


@net
def grouped_attention():
    inputs = keras.Input((5, 6))
    x = layers.Dense(8)(inputs)
    y = layers.GroupQueryAttention(4, 6, 3)(x, x)
    x = layers.RMSNormalization()(layers.Add()([x, y]))
    z = layers.Dense(8)(inputs)
    x = layers.GroupQueryAttention(3, 4, 4, use_bias=False)(x, z, z)
    return keras.Model(inputs, ends(x))


@net
def plain_attention():
    inputs = keras.Input((5, 6))
    q, k, v = (layers.Dense(n)(inputs) for n in (8, 8, 7))
    x = layers.Attention(use_scale=True)([q, v, k])
    y = layers.AdditiveAttention()([q, v, k])
    return keras.Model(inputs, ends(layers.Concatenate()([x, y])))


@net
def attention_with_masks():
    inputs = keras.Input((5, 6))
    q, v = layers.Dense(8)(inputs), layers.Dense(8)(inputs)
    # Both have as many channels as there are steps.
    masks = [layers.Dense(5)(inputs)[:, 0] > 0 for _ in range(2)]
    x = layers.Attention()([q, v], mask=masks)
    y = layers.Attention()(inputs=[q, v, q], mask=masks)
    return keras.Model(inputs, ends(layers.Dense(6)(x) + layers.Dense(6)(y)))


@net
def einsum_layers():
    inputs = keras.Input((5, 6))
    x = layers.EinsumDense("abc,cd->abd", (5, 8), bias_axes="d")(inputs)
    x = layers.EinsumDense("abc,cde->abde", (5, 3, 4), bias_axes="de")(x)
    x = layers.EinsumDense("abde,de->abd", (5, 3))(x)
    x = layers.EinsumDense("...x,xy->...y", 7, activation="relu")(x)
    return keras.Model(inputs, ends(x))


@net
def words():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(5, 8, mask_zero=True)(inputs)
    y = layers.Embedding(5, 8)(inputs)
    x = layers.GlobalAveragePooling1D()(layers.Add()([x, y]))
    return keras.Model(inputs, ends(layers.Dense(6)(x)))


@net
def dots():
    inputs = keras.Input((5, 6))
    a, b = layers.Dense(8)(inputs), layers.Dense(8)(inputs)
    x = layers.Dot(axes=2, normalize=True)([a, b])
    y = layers.Dot(axes=1)([a, layers.Dense(7)(inputs)])
    return keras.Model(inputs, [ends(x), layers.Dense(2)(y)])


@net
def adapted_normalization():
    data = np.random.default_rng(0).normal(3.0, 2.0, (32, 6, 6, 4))
    normalization = layers.Normalization()
    normalization.adapt(data)
    inputs, x = image()
    x = layers.Conv2D(8, 3)(normalization(inputs))
    return keras.Model(inputs, ends(layers.Conv2D(5, 1)(x)))


@net
def arithmetic():
    inputs, x = image()
    y = 2.0 * x + np.arange(8.0, dtype="float32") - ops.relu(x) / 3.0
    y = ops.maximum(y, ops.tanh(layers.Conv2D(8, 1)(x)))
    y = ops.where(y > 0, y, ops.exp(-ops.abs(y)))
    y = ops.clip(ops.sqrt(ops.square(y) + 1.0), 0.0, 5.0)
    y = ops.cast(y, "float32") * np.ones((6, 1, 8), "float32")
    return keras.Model(inputs, ends(layers.Conv2D(5, 3)(y)))


@net
def several_constants():
    inputs, x = image()
    odd, steps = np.arange(8) % 2 > 0, np.arange(8, dtype="float32")
    y = ops.where(odd, x, steps)
    return keras.Model(inputs, ends(layers.Conv2D(5, 3)(y)))


@net
def op_shapes():
    inputs, x = image(size=4)
    y = ops.transpose(x, (0, 3, 1, 2))
    y = ops.reshape(y, (-1, 8, 16))
    y = ops.swapaxes(y, 1, 2)
    y = ops.expand_dims(y, 1)
    y = ops.squeeze(layers.Conv2D(6, (1, 3))(y), 1)
    y = ops.moveaxis(ops.stack([y, y * 2], axis=1), 1, 3)
    a, b = ops.unstack(y, 2, axis=3)
    y = ops.concatenate([a, b, ops.repeat(a, 2, axis=2)], axis=-1)
    y = ops.tile(ops.pad(y, [(0, 0), (1, 1), (0, 0)]), (1, 1, 2))
    return keras.Model(inputs, ends(layers.Dense(4)(y)))


@net
def splits():
    inputs, x = image(filters=12)
    a, b, c = ops.split(x, 3, axis=-1)
    d, e = ops.split(layers.Conv2D(9, 1)(x), [4], axis=3)
    y = layers.Conv2D(4, 1)(a) + b
    z = ops.concatenate([y, d, layers.Conv2D(3, 1)(e), c], axis=-1)
    return keras.Model(inputs, ends(z))


@net
def slices():
    inputs, x = image(filters=12)
    y = layers.Conv2D(5, 1)(x[..., 2:7])
    z = layers.Conv2D(5, 1)(x[:, 1:, ::2, -6:])
    w = ops.mean(x[:, 0], axis=1)[:, None, None, ::2]
    w = layers.Conv2D(5, 1)(w)
    z = ops.sum(z, axis=(1, 2), keepdims=True)
    return keras.Model(inputs, ends(y + z + w))


@net
def takes():
    inputs, x = image(filters=12)
    y = ops.take(layers.Conv2D(5, 1)(x), [3, 0, 0, 1], axis=1)
    z = layers.Conv2D(5, 1)(ops.take(x, [[0, 5], [7, 7]], axis=-1)[..., 1])
    y = ops.mean(y, axis=(1, 2), keepdims=True)
    return keras.Model(inputs, ends(y + z))


@net
def reductions():
    inputs, x = image()
    a = ops.mean(x, axis=(1, 2))
    b = ops.max(layers.Conv2D(8, 1)(x), axis=[1, 2])
    c = ops.sum(layers.Conv2D(6, 1)(x), axis=-1)
    d = ops.mean(layers.Conv2D(6, 1)(x), axis=-1)
    e = layers.Flatten()(ops.softmax(c, axis=1) + ops.cumsum(d, axis=1))
    f = layers.Dense(8)(e)
    return keras.Model(inputs, ends(a * b + f))


@net
def attention_by_hand():
    inputs = keras.Input((5, 6))
    q, k, v = (layers.Dense(12)(inputs) for _ in range(3))
    q, k, v = (
        ops.transpose(ops.reshape(t, (-1, 5, 3, 4)), (0, 2, 1, 3))
        for t in (q, k, v)
    )
    weights = ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) / 2.0)
    x = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
    x = layers.Dense(8)(ops.reshape(x, (-1, 5, 12)))
    y = ops.einsum("btc,bsc->bts", x, x)
    return keras.Model(inputs, ends(ops.einsum("bts,bsc->btc", y, x)))


@net
def narrow_heads_by_hand():
    inputs = keras.Input((5, 6))
    q, k, v = (
        ops.transpose(ops.reshape(t, (-1, 5, 6, 2)), (0, 2, 1, 3))
        for t in (layers.Dense(12)(inputs) for _ in range(3))
    )
    weights = ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)))
    x = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
    x = layers.Dense(8)(ops.reshape(x, (-1, 5, 12)))
    return keras.Model(inputs, ends(x))


@net
def mixer():
    inputs, x = image(size=4)
    x = layers.Reshape((16, 8))(x)
    y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
    y = layers.Dense(16)(layers.Dense(10, activation="gelu")(y))
    x = layers.Add()([x, layers.Permute((2, 1))(y)])
    return keras.Model(inputs, ends(layers.GlobalAveragePooling1D()(x)))


@net
def nested():
    tensor = keras.Input((6, 6, 8))
    y = layers.Conv2D(8, 3, padding="same")(tensor)
    inner = keras.Model(tensor, layers.Add()([tensor, y]), name="inner")
    outer_in = keras.Input((6, 6, 8))
    outer = keras.Model(
        outer_in, layers.ReLU()(inner(inner(outer_in))), name="outer"
    )
    stack = keras.Sequential(
        [layers.Conv2D(6, 3), layers.BatchNormalization()], name="stack"
    )
    inputs, x = image()
    return keras.Model(inputs, ends(stack(outer(inner(x)))))


@net
def shared_layers():
    inputs, x = image()
    conv, norm = layers.Conv2D(8, 1), layers.BatchNormalization()
    down = layers.Conv2D(6, 3)
    relu = layers.ReLU()
    y = norm(relu(conv(norm(conv(x)))))
    z = layers.Conv2D(8, 1)(x)
    return keras.Model(inputs, ends(relu(down(y)) + down(z)))


@net
def shared_model_without_weights():
    tensor = keras.Input((6, 6, 8))
    pool = keras.Model(tensor, layers.MaxPooling2D()(tensor), name="pool")
    inputs, x = image()
    a, b = pool(x), pool(layers.Conv2D(8, 1)(x))
    return keras.Model(inputs, ends(layers.Concatenate()([a, b])))


@net
def shared_input_that_is_not_prunable():
    inputs = keras.Input((6, 6, 8))
    conv = layers.Conv2D(8, 1)
    x = layers.Conv2D(5, 1)(conv(conv(inputs)))
    return keras.Model(inputs, ends(x))


@net
def many_inputs_and_outputs():
    a = keras.Input((6, 6, 3), name="a")
    b = keras.Input((4,), name="b")
    x = layers.Conv2D(8, 3, name="x")(a)
    y = layers.Dense(8)(b)
    z = x + ops.reshape(y, (-1, 1, 1, 8))
    last = layers.Conv2D(4, 1, name="last")(z)
    return keras.Model([a, b], [last, ends(layers.Conv2D(5, 1)(z))])


@net
def unknown_layers():
    class Unknown(layers.Layer):
        def call(self, inputs):
            return ops.flip(inputs, -1)

    inputs, x = image()
    y = Unknown(name="unknown")(layers.Conv2D(8, 1, name="before")(x))
    z = layers.Lambda(lambda t: t * 2.0)(layers.Conv2D(8, 1)(y))
    return keras.Model(inputs, ends(layers.Conv2D(5, 1)(z)))


@net
def recurrent():
    inputs = keras.Input((5, 6))
    x = layers.LSTM(4, return_sequences=True)(layers.Dense(7)(inputs))
    return keras.Model(inputs, ends(layers.Dense(6)(x)))


@net
def timewise():
    inputs = keras.Input((3, 6, 6, 2))
    x = layers.TimeDistributed(layers.Conv2D(6, 3))(inputs)
    x = layers.TimeDistributed(layers.BatchNormalization())(x)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(x)
    return keras.Model(inputs, ends(layers.Dense(5)(x)))


@net
def timewise_walls():
    inputs = keras.Input((3, 4, 2))
    x = layers.Dense(7)(layers.Dense(6)(inputs))
    x = layers.TimeDistributed(layers.LSTM(5))(x)
    return keras.Model(inputs, ends(layers.Dense(6)(x)))


@net
def timewise_places():
    inputs = keras.Input((3, 6, 2))
    x = layers.Permute((1, 3, 2))(layers.Dense(7)(inputs))
    x = layers.TimeDistributed(layers.Dense(5))(x)
    return keras.Model(inputs, ends(x))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("seed", [0, 1])
def test_pruned_equals_masked(name, seed):
    check(shaken(NETS[name]()), seed)


def test_trainable_flags_are_kept_inside_frozen_models():
    model = shaken(NETS["nested"]())
    model.trainable = False
    model.get_layer("first").trainable = True
    _, _, smaller = check(model)
    flags = [layer.trainable for layer in smaller.layers]
    assert flags == [layer.trainable for layer in model.layers]
    assert smaller.get_layer("first").trainable


def test_a_model_that_overrides_call_is_opened():
    class Odd(keras.Model):
        def call(self, inputs):
            return -super().call(inputs)

    tensor = keras.Input((4,))
    x = layers.Dense(8, name="inside")(tensor)
    odd = Odd(tensor, layers.Dense(3)(x))
    assert Groups(odd).all[0].prunable
    inputs = keras.Input((4,))
    model = keras.Model(inputs, odd(layers.Dense(4, name="before")(inputs)))
    groups = {group.name: group for group in Groups(model).all}
    assert groups["before"].prunable
    _, _, smaller = check(shaken(model))
    assert smaller.count_params() < model.count_params()


def test_difference_covers_every_output():
    ones = np.ones((2, 3))

    def outputs(second):
        return lambda inputs: [ones, second]

    assert difference(outputs(ones), outputs(ones), None) == 0
    assert not difference(outputs(ones * np.nan), outputs(ones), None) < 1
    with pytest.raises(ValueError, match="longer"):
        difference(lambda inputs: [ones], outputs(ones), None)
