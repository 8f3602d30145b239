"""The smaller model keeps settings and state of the original."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

from tests.pruning.rules.test_rules import check
from tests.pruning.rules.test_rules import ends
from tests.pruning.rules.test_rules import image
from tests.pruning.rules.test_rules import shaken
from tests.support import tiny
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.rebuild import rebuild


def halved(model):
    """The model without every second prunable unit."""
    groups = Groups(model)
    kept = groups.fixed | (np.arange(groups.num_units) % 2 == 0)
    assert not kept.all()
    return rebuild(groups, kept)


def flags(layer):
    return [inner.trainable for inner in layer._flatten_layers()]


class Block(keras.Model):
    """A subclassed model that cannot be traced by Keras."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = layers.Dense(units)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, inputs):
        return self.inner(tf.identity(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Odd(keras.Model):
    """A functional model that overrides `call`."""

    def call(self, inputs):
        return tf.negative(super().call(inputs))


def odd(units):
    tensor = keras.Input((8,))
    return Odd(tensor, layers.Dense(units)(tensor))


@pytest.mark.parametrize("unprunable", [Block, odd])
def test_an_unprunable_model_keeps_its_weights(unprunable):
    inputs = keras.Input((8,))
    inner = unprunable(6)
    x = layers.Dense(9)(inner(layers.Dense(8)(inputs)))
    model = shaken(keras.Model(inputs, ends(x)))
    inner._flatten_layers()[-1].trainable = False
    _, _, smaller = check(model)
    new = smaller.get_layer(inner.name)
    for one, other in zip(inner.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert flags(new) == flags(inner)
    assert not all(flags(new))


class Forgetful(layers.Layer):
    """A layer whose config omits its bias."""

    def __init__(self, bias=False, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(5, use_bias=bias)

    def call(self, inputs):
        return self.inner(tf.identity(inputs))

    def get_config(self):
        return {"name": self.name}


def test_a_layer_with_an_incomplete_config_is_an_error():
    inputs = keras.Input((4,))
    x = layers.Dense(6)(Forgetful(bias=True, name="forgetful")(inputs))
    with pytest.raises(ValueError, match="'forgetful'.*2 var.*Received: 1"):
        halved(keras.Model(inputs, ends(x)))


class Pair(layers.Layer):
    """Two layers in one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(6), layers.Dense(6)

    def call(self, inputs):
        return self.second(self.first(tf.identity(inputs)))


def test_trainable_flags_inside_layers_are_kept():
    inputs = keras.Input((4,))
    pair = Pair(name="pair")
    model = keras.Model(inputs, ends(layers.Dense(8)(pair(inputs))))
    pair.first.trainable = False
    smaller = halved(model)
    assert flags(smaller.get_layer("pair")) == flags(pair)
    count = len(model.trainable_variables)
    assert len(smaller.trainable_variables) == count == 6


def discretization():
    layer = layers.Discretization(num_bins=4)
    layer.adapt(np.arange(8.0))
    return layer


def words(output_mode):
    layer = layers.IntegerLookup(output_mode=output_mode)
    layer.adapt(np.array([[1, 3], [4, 3]]))
    return layer


@pytest.mark.parametrize(
    "adapted",
    [
        discretization,
        lambda: words("multi_hot"),
        lambda: words("tf_idf"),
        lambda: layers.IntegerLookup(vocabulary=[4, 2], output_mode="one_hot"),
    ],
)
def test_adapted_state_is_kept(adapted, tmp_path):
    inputs = keras.Input((4,), dtype="int64")
    x = ops.cast(adapted()(inputs), "float32")
    model = shaken(keras.Model(inputs, ends(layers.Dense(8)(x))))
    _, _, smaller = check(model)
    smaller.save(tmp_path / "smaller.keras")
    loaded = keras.models.load_model(tmp_path / "smaller.keras")
    given = np.arange(12).reshape(3, 4)
    tiny.assert_same_function(smaller, loaded, given)


def test_text_vocabulary_is_kept():
    inputs = keras.Input((), dtype="string")
    text = layers.TextVectorization(output_sequence_length=3)
    text.adapt(["a b c", "b d"])
    x = layers.Embedding(6, 8)(text(inputs))
    smaller = halved(keras.Model(inputs, ends(x)))
    new = smaller.get_layer(text.name)
    assert new.get_vocabulary() == text.get_vocabulary()


@pytest.mark.parametrize("sequential", [True, False])
def test_a_nested_model_called_with_a_flag_keeps_it(sequential):
    inner = keras.Sequential(
        [keras.Input((6, 6, 8)), layers.Conv2D(8, 1), layers.Dropout(0.9)],
        name="inner",
    )
    if not sequential:
        inner = keras.Model(inner.inputs[0], inner.outputs[0], name="inner")
    inputs, x = image()
    x = inner(inner(x, training=False), training=False)
    _, _, smaller = check(shaken(keras.Model(inputs, ends(x))))
    (config,) = [
        layer
        for layer in smaller.get_config()["layers"]
        if layer["name"] == "inner"
    ]
    calls = [node["kwargs"] for node in config["inbound_nodes"]]
    assert [call["training"] for call in calls] == [False, False]


@pytest.mark.parametrize("first", [True, False])
def test_a_model_in_a_layer_and_in_the_graph_is_shared_and_unpruned(first):
    tensor = keras.Input((4,))
    x = layers.Lambda(lambda x: tf.abs(x))(layers.Dense(7)(tensor))
    shared = keras.Model(tensor, layers.Dense(5)(x), name="shared")
    timewise = layers.TimeDistributed(shared)
    several, one = keras.Input((3, 4)), keras.Input((4,))
    given = layers.Dense(4)(one)
    calls = [
        lambda: layers.Flatten()(timewise(several)),
        lambda: shared(given),
    ]
    parts = [call() for call in calls[:: 1 if first else -1]]
    x = layers.Dense(8, name="rest")(layers.Concatenate()(parts))
    model = shaken(keras.Model([several, one], ends(x)))
    groups, _, smaller = check(model)
    assert [group.name for group in groups.all if group.prunable] == ["rest"]
    new = smaller.get_layer("shared")
    assert smaller.get_layer(timewise.name).layer is new


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that cannot be serialized."""

    def __call__(self, step):
        return 0.1


def test_a_training_config_that_cannot_be_copied_is_a_warning():
    model = tiny.plain_net()
    model.compile(keras.optimizers.SGD(Schedule()), "mse")
    with pytest.warns(UserWarning, match="call `compile` yourself"):
        assert not halved(model).compiled


def test_constant_inputs_of_a_layer_are_sliced():
    inputs, x = image()
    values = np.arange(6 * 6 * 8, dtype="float32").reshape(1, 6, 6, 8)
    values = np.repeat(values / 100, 3, axis=0)
    x = layers.Add()([x, values])
    x = layers.Multiply()([x, values[:, :1, :1]])
    x = layers.Concatenate()([x, np.ones((3, 6, 6, 2), "float32")])
    x = ops.concatenate([np.ones((3, 6, 6, 1), "float32"), x], axis=-1)
    x = layers.Conv2D(5, 1)(x)
    groups, *_ = check(shaken(keras.Model(inputs, ends(x))))
    assert groups.all[0].name == "first"
    assert groups.all[0].prunable


def test_an_axis_with_one_kept_channel_is_not_squeezed():
    inputs, x = image()
    x = ops.squeeze(layers.GlobalAveragePooling2D(keepdims=True)(x))
    model = keras.Model(inputs, layers.Dense(3)(x))
    groups = Groups(model)
    kept = groups.fixed.copy()
    kept[groups.all[0].units[0]] = True
    smaller = rebuild(groups, kept)
    assert smaller.get_layer("first").filters == 1
    assert smaller(np.ones((2, 6, 6, 4))).shape == (2, 3)


@pytest.mark.parametrize("shape", [(None, 1, 1, 8), (1, 8), (None, 6, 6, 1)])
def test_noise_shape_of_dropout_follows_the_kept_channels(shape):
    inputs, x = image()
    x = layers.Dropout(0.5, noise_shape=shape, name="dropout")(x)
    smaller = halved(keras.Model(inputs, ends(x)))
    count = smaller.get_layer("first").filters
    expected = tuple(count if size == 8 else size for size in shape)
    assert count < 8
    assert smaller.get_layer("dropout").noise_shape == expected
    smaller(tiny.images(2, size=6, channels=4), training=True)


def test_a_function_as_an_activation_is_kept():
    def doubled(x):
        return 2 * ops.relu(x)

    inputs, x = image()
    x = layers.Conv2D(16, 3, activation=doubled, name="own")(x)
    smaller = halved(shaken(keras.Model(inputs, ends(x))))
    own = smaller.get_layer("own")
    assert own.activation is doubled
    # It may mix channels, so those of its layer are kept.
    assert own.kernel.shape == (3, 3, 4, 16)
